"""How long a rehearsal takes for each migration, beside psql and pg_dump doing the same, and whether both say the same.

PYTHONPATH=. python benchmarks/rehearsal.py [FOLDER]: without a folder, migrations made up here.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from dashboard.engine import localserver, rehearsal
from dashboard.engine.files import discovery
from dashboard.engine.localserver import LocalServer
from dashboard.engine.migration import Folder, Migration
from dashboard.engine.rehearsal.report import Proof

MADE_UP = 100
UP = """
CREATE TABLE t{n} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, slug text NOT NULL UNIQUE);
CREATE INDEX t{n}_lower ON t{n} (lower(slug));
ALTER TABLE t{before} ADD COLUMN next_id bigint REFERENCES t{n} (id);
COMMENT ON TABLE t{n} IS 'One of many';
"""
DOWN = "ALTER TABLE t{before} DROP COLUMN next_id;\nDROP TABLE t{n};\n"

#: psql runs such a file as it is, every other one in a transaction.
AS_IT_IS = re.compile(r"\b(concurrently|vacuum)\b|^\s*(begin|commit)\s*;", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    up: bool
    down: bool | None = None
    reversible: bool | None = None
    repeatable: bool | None = None


def main(folder: Folder) -> None:
    ours: list[Proof] = []
    report = rehearsal.of_folder(folder, keep_going=True, listener=ours.append)
    with localserver.running(ephemeral=True) as server:
        bench = _ByHand(server)
        verdicts = [bench.rehearse(migration) for migration in folder.migrations]
    print(f"PostgreSQL {server.installation.version}, {len(ours)} migrations, milliseconds a migration")
    _print("Signalbox", [proof.ms for proof in ours])
    _print("psql and pg_dump", bench.ms)
    each = statistics.median(proof.ms / ms for proof, ms in zip(ours, bench.ms, strict=True))
    whole = report.ms / sum(bench.ms)
    print(
        f"  Signalbox takes {each:.2f} of the time for the median migration, {whole:.2f} for all, its server included"
    )
    _compare(ours, verdicts)


def _print(label: str, ms: Sequence[float]) -> None:
    p95 = statistics.quantiles(ms, n=20)[-1]
    print(f"  {label:<18} median {statistics.median(ms):7.1f}   p95 {p95:7.1f}   all {sum(ms) / 1000:6.1f} s")


def _compare(ours: Sequence[Proof], verdicts: Sequence[Verdict]) -> None:
    others = [(p, v) for p, v in zip(ours, verdicts, strict=True) if _verdict(p) != v]
    print(f"  {len(ours) - len(others)} of {len(ours)} verdicts agree")
    for proof, verdict in others:
        print(f"    {proof.label}: Signalbox {_verdict(proof)}, psql {verdict}")


def _verdict(proof: Proof) -> Verdict:
    return Verdict(
        up=proof.up.ok,
        down=proof.down and proof.down.ok,
        reversible=proof.reversible,
        repeatable=proof.repeatable,
    )


class _ByHand:
    """The same steps with psql and pg_dump, one dump after each script."""

    def __init__(self, server: LocalServer) -> None:
        self.programs, self.url = server.installation.bin_dir, server.create_database("by_hand")
        self.ms: list[float] = []
        self.now = self._dump()

    def rehearse(self, migration: Migration) -> Verdict:
        started = time.perf_counter()
        verdict = self._prove(migration)
        self.ms.append((time.perf_counter() - started) * 1000)
        return verdict

    def _prove(self, migration: Migration) -> Verdict:
        before = self.now
        if not self._run(migration.up.sql):
            return Verdict(up=False)
        applied = self.now = self._dump()
        if migration.down is None:
            return Verdict(up=True)
        if not self._run(migration.down.sql):
            return Verdict(up=True, down=False)
        undone = self._dump()
        self._run(migration.up.sql)
        self.now = self._dump()
        return Verdict(up=True, down=True, reversible=before == undone, repeatable=applied == self.now)

    def _run(self, text: str) -> bool:
        one = [] if AS_IT_IS.search(text) or not text.strip() else ["--single-transaction"]
        command = [str(self.programs / "psql"), "-Xq", "-v", "ON_ERROR_STOP=1", *one, "-f", "-", self.url]
        return subprocess.run(command, input=text, capture_output=True, text=True).returncode == 0

    def _dump(self) -> str:
        command = [str(self.programs / "pg_dump"), "--schema-only", "--restrict-key=same", self.url]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _made_up(folder: Path) -> Folder:
    (folder / "0000_first.up.sql").write_text("CREATE TABLE t0 (id bigint);")
    (folder / "0000_first.down.sql").write_text("DROP TABLE t0;")
    for n in range(1, MADE_UP):
        (folder / f"{n:04}_table.up.sql").write_text(UP.format(n=n, before=n - 1))
        (folder / f"{n:04}_table.down.sql").write_text(DOWN.format(n=n, before=n - 1))
    return discovery.read(folder)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(discovery.read(Path(sys.argv[1])))
    else:
        with TemporaryDirectory() as made_up:
            main(_made_up(Path(made_up)))

"""Two environments side by side, from what was last seen of each. Their targets are not asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dashboard.engine.migration import AppliedMigration, History, Kind, MigrationId
from dashboard.engine.schema import diff
from dashboard.engine.schema.diff import Difference
from dashboard.engine.schema.objects import SchemaSnapshot as Schema
from dashboard.models import DriftCheck, Run, Snapshot
from dashboard.models.environments import Environment
from dashboard.selectors import drift, folders, migrations, observations
from dashboard.selectors.git import CommitFact

#: Runs whose work is looked up to explain differences, the newest of each environment.
RUNS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """`only` are the migrations that stand here and not in the other one, by version; `contradicted` those of which the
    history here says something else than the log. Whether one of these stands is not known."""

    environment: Environment
    seen: DriftCheck | None
    only: tuple[MigrationId, ...]
    contradicted: tuple[MigrationId, ...] = ()
    commit: CommitFact | None = None  # that its files are of now


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`explained` names, for the key of an object, the migration that made the difference."""

    a: Side
    b: Side
    differences: tuple[Difference, ...] = ()
    explained: Mapping[str, str] = field(default_factory=dict)
    versions: tuple[str, ...] = ()


def compare(a: Environment, b: Environment) -> Comparison:
    looks = observations.looks([a, b])
    histories = [looks[e.slug].history if e.slug in looks else None for e in (a, b)]
    standing = [_standing(history) for history in histories]
    doubted = [_contradicted(history) for history in histories]
    sides = [
        Side(
            environment=e,
            seen=drift.last_seen(e),
            only=tuple(sorted(standing[here].keys() - standing[there].keys() - doubted[there])),
            contradicted=tuple(sorted(doubted[here])),
            commit=folders.current(e).commit,
        )
        for e, here, there in ((a, 0, 1), (b, 1, 0))
    ]
    first, second = sides
    if first.seen is None or second.seen is None:
        return Comparison(a=first, b=second)
    schemas = drift.schema_of(first.seen), drift.schema_of(second.seen)
    differences = diff.compare(*schemas)
    made = dict(pair for side, rows in zip(sides, standing, strict=True) for pair in _made(side, rows))
    return Comparison(
        a=first,
        b=second,
        differences=differences,
        explained={d.key: made[d.key] for d in differences if d.key in made},
        versions=tuple(_versions(sides, schemas)),
    )


def _standing(history: History | None) -> Mapping[MigrationId, AppliedMigration]:
    rows = history.rows if history else ()
    return {row.identity: row for row in rows if row.success and row.kind is not Kind.SKIPPED}


def _contradicted(history: History | None) -> set[MigrationId]:
    entries = history.contradicted if history else ()
    return {entry.identity for entry in entries if not entry.was_skipped}


def _made(side: Side, rows: Mapping[MigrationId, AppliedMigration]) -> Iterator[tuple[str, str]]:
    """The objects that runs here changed to apply what stands only here, each with the migrations of that run."""
    labels: dict[str, list[str]] = {}
    for identity in side.only:
        labels.setdefault(rows[identity].run_key, []).append(identity.label)
    runs = migrations.runs_by_id(labels.keys(), side.environment.slug)
    for key_of_run, run in sorted(runs.items(), key=lambda item: item[1].pk)[-RUNS:]:
        made_by = f"by {' and '.join(labels[key_of_run])}, applied in {side.environment.name} only"
        for key in _changed_by(run):
            yield key, made_by


def _changed_by(run: Run) -> set[str]:
    """Empty where the schema before or after it is not kept."""
    snapshots = Snapshot.objects.filter(environment=run.environment).exclude(schema={}).order_by("-id")
    after = snapshots.filter(run=run).first()
    before = snapshots.filter(pk__lt=after.pk).first() if after else None
    if after is None or before is None:
        return set()
    old, new = before.schema["objects"], after.schema["objects"]
    return {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}


def _versions(sides: Sequence[Side], schemas: Sequence[Schema]) -> Iterator[str]:
    """Extensions that both have; what a dump of a schema does not show."""
    one, other = (side.environment.name for side in sides)
    here, there = (schema.versions for schema in schemas)
    for name in sorted(here.keys() & there.keys()):
        if here[name] != there[name]:
            yield f"{name} is {here[name]} in {one} and {there[name]} in {other}"

"""A setting is changed for the session and not put back, or one that changes how SQL is read or whether rules hold.

Signalbox resets the session between migrations; other tools do not. search_path and roles have rules of their own.
"""

from __future__ import annotations

from collections.abc import Iterator

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.script import LintedScript
from dashboard.engine.lint.settings import Setting, changed
from dashboard.engine.migration import Severity

KINDS = frozenset({"VariableSetStmt", "FuncCall"})

_DANGEROUS = {
    "standard_conforming_strings": "changes where a string ends, so the file reads differently from what was reviewed",
    "client_encoding": "changes how the bytes behind it are read",
    "session_replication_role": "switches triggers and foreign keys off, so broken rows can get in",
    "row_security": "changes which rows the statements behind it see",
    "ignore_checksum_failure": "lets damaged pages be read as if they were whole",
    "zero_damaged_pages": "wipes damaged pages",
    "allow_system_table_mods": "lets system tables be changed",
}
_OTHER_RULES = ("search_path", "role", "session_authorization")


def check(linted: LintedScript, context: LintContext) -> Iterator[Hit]:
    settings = [setting for setting in changed(linted) if setting.name not in _OTHER_RULES]
    for setting in settings:
        if setting.name in _DANGEROUS and not setting.is_reset and not _is_the_default(setting):
            yield setting.parsed.hit(
                Severity.WARNING,
                f"SET {setting.name} {_DANGEROUS[setting.name]}.",
                "Leave it out. If it is needed, use SET LOCAL and say why in a suppression.",
            )
    last = {setting.name: setting for setting in settings if setting.is_for_session and setting.name not in _DANGEROUS}
    for setting in last.values():
        if not setting.is_reset:
            yield setting.parsed.hit(
                Severity.NOTE,
                f"{setting.name} is set for the whole session and not put back.",
                "Write SET LOCAL, which ends with the transaction. Signalbox resets the session between migrations, so "
                "the next file is safe here; under psql it is not.",
            )


def _is_the_default(setting: Setting) -> bool:
    """What pg_dump writes on top of its files changes nothing."""
    return (setting.name, setting.value) in {
        ("standard_conforming_strings", "on"),
        ("client_encoding", "utf8"),
        ("client_encoding", "utf-8"),
        ("row_security", "off"),
        ("session_replication_role", "origin"),
    }

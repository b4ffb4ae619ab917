"""A setting of a database or a role outlives the migration: every later session begins with it, ours too.

With another `search_path`, names that people and programs write mean other objects. Settings of extensions, whose names
hold a dot, are left alone; so is RESET.
"""

from __future__ import annotations

from collections.abc import Iterator

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.script import LintedScript
from dashboard.engine.migration import Severity
from dashboard.engine.sql.trees import enum_name

KINDS = frozenset({"AlterDatabaseSetStmt", "AlterRoleSetStmt"})

#: With these a later session means or does something else.
_DECIDES_MEANING = (
    *("search_path", "role", "session_replication_role", "row_security", "session_preload_libraries"),
    *("local_preload_libraries", "standard_conforming_strings", "default_transaction_read_only"),
)
_ADVICE = (
    "Set it in the application or its role's own start-up, where it can be reviewed and taken back. If it belongs "
    "here, allow it with a reason, and write ALTER ... RESET into the rollback."
)


def check(linted: LintedScript, context: LintContext) -> Iterator[Hit]:
    for parsed in linted.parsed:
        if parsed.kind not in ("AlterDatabaseSetStmt", "AlterRoleSetStmt"):
            continue
        setting = parsed.tree.setstmt
        name = setting.name.lower()
        if "." in name or enum_name(setting, "kind") in ("VAR_RESET", "VAR_RESET_ALL", "VAR_SET_DEFAULT"):
            continue
        holder = "database" if parsed.kind == "AlterDatabaseSetStmt" else "role"
        yield parsed.hit(
            Severity.ERROR if name in _DECIDES_MEANING else Severity.WARNING,
            f"Every later session of the {holder} begins with another {name}, long after this migration.",
            _ADVICE,
        )

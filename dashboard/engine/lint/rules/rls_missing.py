"""A new table in a schema that Supabase's API serves has no row level security: the anon key may read and write it."""

from __future__ import annotations

from collections.abc import Iterator

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.script import LintedScript
from dashboard.engine.migration import Severity
from dashboard.engine.sql.objects import ObjectSet, alter_commands, is_temporary, table
from dashboard.engine.sql.trees import Name, enum_name, relation_name

KINDS = frozenset({"CreateStmt", "CreateTableAsStmt"})


def applies(context: LintContext) -> bool:
    return context.supabase


def check(linted: LintedScript, context: LintContext) -> Iterator[Hit]:
    if not context.supabase or not linted.is_up:
        return
    protected = ObjectSet(table(name) for name in _protected(linted))
    for parsed in linted.parsed:
        if parsed.kind not in ("CreateStmt", "CreateTableAsStmt"):
            continue
        relation = parsed.tree.relation if parsed.kind == "CreateStmt" else parsed.tree.into.rel
        name = relation_name(relation)
        exposed = (name.schema or "public") in context.exposed_schemas and not is_temporary(relation)
        if exposed and table(name) not in protected:
            yield parsed.hit(
                Severity.ERROR,
                f"Table {name} is served by Supabase's API without row level security: anyone with the anon key, "
                "which is in every browser, may read and write it.",
                f"Add ALTER TABLE {name} ENABLE ROW LEVEL SECURITY to this file, and the policies it needs; or make "
                "the table in a schema that is not exposed.",
                at=relation,
            )


def _protected(linted: LintedScript) -> Iterator[Name]:
    """Tables whose row level security is switched on in this file, and those it drops again."""
    for parsed in linted.parsed:
        if parsed.kind == "AlterTableStmt" and any(
            enum_name(command, "subtype") == "AT_EnableRowSecurity" for command in alter_commands(parsed.tree)
        ):
            yield relation_name(parsed.tree.relation)
    yield from (drop.object.name for _, drop in linted.drops if drop.object.kind == "table")

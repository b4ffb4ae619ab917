"""What the role of a target may not do there, though here all of it runs: a rehearsal runs as the owner of everything.

Pure. It names only what the migration at hand does; what it does inside functions is not seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from dashboard.engine.errors import SqlSyntaxError
from dashboard.engine.rehearsal.report import Proof
from dashboard.engine.schema.diff import Change, Difference
from dashboard.engine.sql import do_blocks, statements
from dashboard.engine.sql.statements import Statement
from dashboard.engine.sql.trees import kind

#: Only a superuser, or a role with rights of its own for it.
_OF_SUPERUSERS = frozenset(
    {
        *("CreateRoleStmt", "AlterRoleStmt", "AlterRoleSetStmt", "DropRoleStmt", "GrantRoleStmt"),
        *("AlterOwnerStmt", "ReassignOwnedStmt", "DropOwnedStmt", "CreateEventTrigStmt", "AlterEventTrigStmt"),
        *("CreatePublicationStmt", "AlterPublicationStmt", "CreateFdwStmt", "CreateForeignServerStmt"),
        *("AlterSystemStmt", "AlterDatabaseStmt", "AlterDatabaseSetStmt", "CreatedbStmt", "CreatePLangStmt"),
    }
)
_MADE_IN_SCHEMAS = frozenset({"table", "view", "sequence", "function", "procedure", "type", "domain", "index"})
_ACCESS_SHARE = "ACCESS SHARE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What the role that a URL names has on its target."""

    role: str
    is_superuser: bool
    bypasses_row_security: bool
    creates_in_database: bool
    not_owned: frozenset[str]  # relations
    not_creating_in: frozenset[str]  # schemas
    trusted: frozenset[str]  # extensions that need no superuser

    def doubt(self, script: str, proof: Proof, *, forced: frozenset[str], ours: frozenset[str]) -> str:
        """Why what ran here may not run there, as a clause; empty where nothing speaks for that.

        `forced` are the relations with row security that holds for their owner too, `ours` what Signalbox keeps there.
        """
        if self.is_superuser:
            return ""
        unsure = next(
            chain(self._of_statements(script), self._of_relations(proof, forced), self._of_ours(forced, ours)), ""
        )
        return f"it ran as the owner of everything, and {unsure}" if unsure else ""

    def _of_statements(self, script: str) -> Iterator[str]:
        try:
            parsed = statements.split(script)
        except SqlSyntaxError:
            return
        for statement in parsed:
            for each in (statement, *do_blocks.inner(statement)):
                if self._asks_for_more(each):
                    yield f"whether {self.role} may run {each.summary} is not known"

    def _asks_for_more(self, statement: Statement) -> bool:
        tree = statements.tree(statement)
        match kind(tree) if tree is not None else "":
            case "CreateExtensionStmt":
                return not self.creates_in_database or tree.extname not in self.trusted  # type: ignore[union-attr]
            case "CreateSchemaStmt":
                return not self.creates_in_database
            case other:
                return other in _OF_SUPERUSERS

    def _of_relations(self, proof: Proof, forced: frozenset[str]) -> Iterator[str]:
        runs = [run for run in (proof.up, proof.down) if run]
        locked = {lock.relation for run in runs for lock in run.locks if lock.mode != _ACCESS_SHARE}
        for relation in sorted(locked & self.not_owned):
            yield f"{self.role} does not own {relation}"
        if not self.bypasses_row_security:
            for relation in sorted(locked & forced):
                yield f"row security is forced on {relation}, which {self.role} does not bypass"
        for schema in sorted({_schema(d) for d in proof.made} & self.not_creating_in):
            yield f"{self.role} may not create anything in the schema {schema}"

    def _of_ours(self, forced: frozenset[str], ours: frozenset[str]) -> Iterator[str]:
        if not self.bypasses_row_security and forced & ours:
            yield f"row security is forced on {min(forced & ours)}, which {self.role} does not bypass"


def _schema(difference: Difference) -> str:
    """In which something was made that asks for the right to create there; empty for all else."""
    kind_of_object, _, name = difference.key.partition(" ")
    is_made = difference.change is Change.ADDED and kind_of_object in _MADE_IN_SCHEMAS and "." in name
    return name.partition(".")[0] if is_made else ""

"""A bench whose folder is one of another tool."""

from __future__ import annotations

from dataclasses import dataclass, field

from dashboard.engine import planner
from dashboard.engine.database import connection as connections
from dashboard.engine.database import tool_tables
from dashboard.engine.database.connection import Address
from dashboard.engine.database.tool_tables import ToolHistory
from dashboard.engine.files import discovery, known_files
from dashboard.engine.files.listing import list_folder
from dashboard.engine.imports.matching import Reconciliation, reconcile
from dashboard.engine.migration import Folder, Severity
from tests.engine.folders import Bench


@dataclass
class ToolBench(Bench):
    """`as_format`: where the signature is not to tell it."""

    placeholders: dict[str, str] = field(default_factory=dict)
    as_format: str = ""

    def read(self) -> Folder:
        return discovery.read(self.folder, folder_format=self.as_format, placeholders=self.placeholders)

    def problems(self, severity: Severity) -> set[str]:
        return {problem.code for problem in self.read().problems if problem.severity is severity}


def reconciled(bench: ToolBench, history: ToolHistory) -> Reconciliation:
    """What the history of a tool says of the folder."""
    importer = history.tool.importer
    files = known_files.known_to(importer.name, bench.read(), list_folder(bench.folder))
    return reconcile(importer, history.rows, files)


def take_over(bench: ToolBench) -> Reconciliation:
    """Import it, as far as it goes."""
    history = history_of_a_tool(bench)
    outcome = reconciled(bench, history)
    bench.execute(planner.import_history(bench.look(), bench.read(), history.tool.importer, history.origin, outcome))
    return outcome


def history_of_a_tool(bench: ToolBench) -> ToolHistory:
    """Of the only one that has migrated the database."""
    address = Address(environment="test", name="Test", variable="TEST_URL", url=bench.database.url)
    with connections.reading(address) as opened:
        (table,) = [tool for tool in tool_tables.find(opened) if tool.importer.formats]
        return tool_tables.read(opened, table)

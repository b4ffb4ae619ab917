"""The histories of other tools: which there are, which is chosen, and why nothing is taken from one."""

from __future__ import annotations

from pathlib import Path

from dashboard.engine.database.tool_tables import ToolHistory, ToolTable
from dashboard.engine.errors import EngineError, NothingToDo, PlanBlocked, ToolTableUnreadable
from dashboard.engine.imports.catalogue import BY_NAME
from dashboard.engine.imports.matching import reconcile
from dashboard.engine.imports.values import KnownFile, TableSeen, ToolRow
from dashboard.engine.migration import Folder
from dashboard.engine.plan import Action
from dashboard.presenters import imports as presenter
from dashboard.presenters.imports import ImportPage
from dashboard.services.imports import OtherHistories, ToolReading
from tests.presenters import values

FOLDER = Folder(source=str(Path("migrations")), format="dbmate", files=(), migrations=(), problems=())
FILES = (KnownFile(version="1", name="a", file="1_a.sql"),)
BLOCKED = PlanBlocked(version="1", reason="it is dirty.", remedy="Mend it.")
NOTHING = NothingToDo(environment="Staging", reason="all of it is recorded")


def reading(tool: str, table: str, rows: tuple[ToolRow, ...] = (), *, failure: str = "") -> ToolReading:
    importer = BY_NAME[tool]
    seen_table = TableSeen(schema="public", name=table, kind="r", columns={})
    of_tool = ToolTable(importer=importer, table=seen_table, role="app")
    if failure:
        return ToolReading(tool=of_tool, failure=ToolTableUnreadable(finding=failure))
    history = ToolHistory(tool=of_tool, rows=rows, fingerprint="f")
    return ToolReading(tool=of_tool, history=history, reconciliation=reconcile(importer, rows, FILES))


READINGS = (
    reading("dbmate", "schema_migrations", ({"version": "1"},)),
    reading("goose", "goose_db_version"),
    reading("flyway", "flyway_schema_history", failure="It may not be read."),
    reading("django", "django_migrations", failure="They are programs."),
)


def page(offer: EngineError, table: str = "") -> ImportPage:
    return presenter.page(OtherHistories(folder=FOLDER, readings=READINGS), offer, values.STAGING, table)


def test_the_one_that_knows_the_files_is_chosen_unless_a_person_says_otherwise():
    made = page(NOTHING)
    assert [(view.pill, view.is_chosen, bool(view.url)) for view in made.tables] == [
        (presenter.MATCHES, True, False),
        (presenter.STRANGER, False, True),
        (presenter.UNREAD, False, False),
        (presenter.EXPLAINED, False, False),
    ]
    values.assert_sound(made)
    other = page(NOTHING, "public.goose_db_version")
    assert [view.is_chosen for view in other.tables] == [False, True, False, False]


def test_nothing_left_is_no_alarm():
    (done, broken) = (page(NOTHING).refusal, page(BLOCKED).refusal)
    assert done is not None
    assert broken is not None
    assert (done.tone, broken.tone) == ("info", "danger")
    assert broken.next_step == BLOCKED.next_step


def test_what_needs_no_acceptance_is_a_note():
    plan = values.plan(
        values.step(action=Action.IMPORT),
        warnings=(values.warning(needs_acceptance=False), values.warning(code="other")),
    )
    made = presenter.page(OtherHistories(folder=FOLDER, readings=READINGS), plan, values.STAGING, "")
    assert made.refusal is None
    assert len(made.notes) == 1

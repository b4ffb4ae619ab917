"""Presenters and forms get values and word them. They plan nothing, parse no SQL and ask no database.

What runs in between is watched too: `no_query_is_sent` (tests/wording.py) refuses every query that a presenter, a form
or a template tag would send in a test.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest

from tests import wording

ROOT = Path(__file__).parents[2]


#: What is below these layers, and may only be imported where it is named here.
BELOW = ("dashboard.engine", "dashboard.services", "dashboard.selectors", "psycopg", "postgast")
#: Modules of nothing but values, and of names for them.
VALUE_MODULES = {
    "dashboard.engine.errors",
    "dashboard.engine.forecast.values",
    "dashboard.engine.migration",
    "dashboard.engine.plan",
    "dashboard.engine.rehearsal.report",
    "dashboard.engine.rehearsal.risk",
    "dashboard.engine.status",
    "dashboard.services.errors",
}
#: Modules that do more than that: what of them is a value, or what may be called.
ALLOWED = {
    "dashboard.engine.database.doctor": {"Check", "CheckLevel", "is_fit"},
    "dashboard.engine.database.saved": {"SCHEMA", "Outlook", "Save"},
    "dashboard.engine.database.transport": {"Transport"},
    "dashboard.engine.files.catalogue": {"title_of"},
    "dashboard.engine.git.values": {"Descent"},
    "dashboard.engine.run.executor": {"Approval"},
    "dashboard.engine.sql.places": {"StatementPlace"},
    "dashboard.engine.lint": {"Finding", "says"},
    "dashboard.engine.schema.diff": {"Change", "Difference", "summary_lines"},
    "dashboard.engine.schema.objects": {"table_of"},
    "dashboard.engine.sql.transaction": {"TransactionMode", "TransactionShape"},
    "dashboard.selectors.audit": {"Titles"},
    "dashboard.selectors.board": {"BoardRow"},
    "dashboard.selectors.compare": {"Comparison", "Side"},
    "dashboard.selectors.drift": {"DriftState"},
    "dashboard.selectors.failed_attempts": {"FailedAttempt"},
    "dashboard.selectors.first_run": {"FirstRun", "SourceState"},
    "dashboard.selectors.leftovers": {"LeftByRun"},
    "dashboard.selectors.people": {"Listed"},
    "dashboard.selectors.settled": {"Settled"},
    "dashboard.services.audit_chain": {"ChainCheck", "ChainFault"},
    "dashboard.services.audit_guard": {"Power"},
    "dashboard.services.audit_keys": {"FALLBACK_VARIABLE", "OWN_VARIABLE"},
    "dashboard.services.comments": {"MENTION"},
    "dashboard.services.independence": {"PossibleApprover"},
    "dashboard.services.imports": {"CODE", "OtherHistories", "ToolReading"},
    "dashboard.services.mails": {"MailText"},
    "dashboard.services.quorum": {"Quorum"},
    "dashboard.selectors.environments": {"Standing"},
    "dashboard.selectors.findings": {"Findings", "of_migration", "of_text"},
    "dashboard.selectors.folders": {"FolderReading"},
    "dashboard.selectors.git": {"CommitFact", "GitStanding", "KeptCommit", "Staleness"},
    "dashboard.selectors.observations": {"LastLook"},
    "dashboard.selectors.rehearsals": {"ACTIVE", "counts", "is_expired", "report_of", "same_major"},
    "dashboard.selectors.requests": {"Tab", "has_expired", "own_run"},
    "dashboard.selectors.restored": {"ChangedBy", "Restored"},
    "dashboard.services.actors": {"Actor", "SIGNALBOX"},
    "dashboard.services.audit": {"Event"},
    "dashboard.services.bindings": {"Rebinding", "check_shown"},
    "dashboard.services.drift": {"LATE"},
    "dashboard.services.edits": {"Edit"},
    "dashboard.services.evidence": {"Evidence", "EvidenceStatus", "Item"},
    "dashboard.services.forecasts": {"Confirmation", "NO_WORD", "check_confirmed", "lost", "needs_word"},
    "dashboard.services.plans": {"Detail", "Outline", "check_accepted", "copied", "title"},
    "dashboard.services.pushes": {"PushChange", "PushComparison", "PushOutlook", "PushedMigration"},
    "dashboard.services.records": {"Contradiction"},
    "dashboard.services.saved": {"Kept", "SavedGroup"},
    "dashboard.services.skips": {"Undecided"},
    "dashboard.services.targets": {"address"},
    "dashboard.services.unfinished": {
        *("BrokenOff", "InDoubt", "JournalLine", "Trace", "WayOn"),
        "check_shown",
    },
    "dashboard.services.validity": {"RequestState", "check_shown"},
}
#: Every rule of these two is a `check_...` over values, or the word for one.
RULES = {"dashboard.services.permissions", "dashboard.services.policies"}
PACKAGES = {"dashboard.engine", "dashboard.engine.schema", "dashboard.services", "dashboard.selectors"}
#: How a query is written in Django: names that nothing else has, and methods that are called like this.
QUERIES = {
    *("objects", "filter", "exclude", "all", "select_related", "prefetch_related", "refresh_from_db"),
    *("order_by", "values_list", "annotate", "aggregate"),
}
QUERIES_WITHOUT_ARGUMENTS = {"first", "last", "count", "exists"}
QUERIES_WITH_ARGUMENTS = {"values"}

PLANTED = [
    pytest.param("from dashboard.selectors import folders\nfolders.read()", id="the folder is read"),
    pytest.param("from dashboard.services import plans\nplans.apply(environment)", id="something is planned"),
    pytest.param("from dashboard.services.plans import apply", id="what plans is imported"),
    pytest.param("from dashboard.services import policies\npolicies.occupied(environment)", id="a rule that asks"),
    pytest.param("from dashboard.engine import planner", id="the planner"),
    pytest.param("from dashboard.engine.forecast import counting", id="rows are counted"),
    pytest.param("from dashboard.engine.rehearsal import throwaway", id="a database is made"),
    pytest.param("import dashboard.engine.planner", id="a whole module"),
    pytest.param("import psycopg", id="psycopg"),
    pytest.param("run.steps.first()", id="first"),
    pytest.param("run.steps.count()", id="count"),
    pytest.param("run.steps.order_by('position')", id="order_by"),
    pytest.param("run.steps.values('pk')", id="values"),
    pytest.param("Run.objects", id="objects"),
]


def test_presenters_and_forms_take_values_and_neither_decide_parse_nor_connect() -> None:
    violations = [f"{path.relative_to(ROOT)}:{where}" for path in _modules() for where in _taken(_tree(path))]
    assert not violations, (
        "These decide, parse or connect. Let a service or a selector do it and give the presenter the value; a value "
        "of another module is named in ALLOWED:\n" + "\n".join(violations)
    )


def test_no_presenter_or_form_asks_the_database() -> None:
    violations = [f"{path.relative_to(ROOT)}:{where}" for path in _modules() for where in _queries(_tree(path))]
    assert not violations, "Let a selector ask, and give the presenter the rows:\n" + "\n".join(violations)


@pytest.mark.parametrize(
    ("layers", "is_refused"),
    [
        (("presenters",), True),
        (("forms",), True),
        (("templatetags",), True),
        (("views", "presenters", "selectors"), True),
        (("views",), False),
        (("presenters", "views"), False),
        (("presenters", "cli"), False),
        (("views", "presenters", "models/roles"), False),
    ],
)
def test_a_query_of_what_words_is_refused_while_a_test_runs(layers: tuple[str, ...], is_refused: bool) -> None:
    """`layers` call each other in this order; the last one sends the query."""
    ask = partial(wording.refuse_query, lambda *_: "answered", "SELECT 1", None, False, {})
    for layer in reversed(layers):
        ask = _calling(ask, f"/app/dashboard/{layer}.py" if "/" in layer else f"/app/dashboard/{layer}/some.py")
    with pytest.raises(AssertionError, match="asks the database") if is_refused else nullcontext():
        assert ask() == "answered"


def _calling(inner: Callable[[], object], file: str) -> Callable[[], object]:
    """A function of that file."""
    names: dict[str, Callable[[], object]] = {"inner": inner}
    exec(compile("def outer():\n    return inner()\n", file, "exec"), names)
    return names["outer"]


def test_every_test_of_what_words_is_watched() -> None:
    unwatched = [
        folder
        for folder in ("presenters", "forms", "templatetags", "views", "cli")
        if "no_query_while_wording" not in (ROOT / "tests" / folder / "conftest.py").read_text()
    ]
    assert not unwatched, "its conftest.py needs the fixture: see tests/wording.py"


@pytest.mark.parametrize("source", PLANTED)
def test_it_would_be_seen(source: str) -> None:
    tree = ast.parse(source)
    assert [*_taken(tree), *_queries(tree)]


def test_what_is_allowed_is_taken_by_somebody() -> None:
    """So that the list stays as short as it can be."""
    text = "\n".join(path.read_text() for path in _modules())
    unused = [f"{module} {name}" for module, names in ALLOWED.items() for name in names if name not in text]
    assert not unused, f"take these out of ALLOWED: {unused}"


def _modules() -> Iterator[Path]:
    for layer in ("presenters", "forms"):
        yield from sorted((ROOT / "dashboard" / layer).rglob("*.py"))


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _taken(tree: ast.Module) -> Iterator[str]:
    """What comes from below without being allowed: by import, or as `module.name`."""
    modules: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (f"{node.lineno}: {alias.name}" for alias in node.names if alias.name.startswith(BELOW))
        elif isinstance(node, ast.ImportFrom) and (module := node.module or "").startswith(BELOW):
            inner = {alias.asname or alias.name: f"{module}.{alias.name}" for alias in node.names}
            modules |= {name: full for name, full in inner.items() if module in PACKAGES and full in _KNOWN}
            names = [alias.name for alias in node.names if (alias.asname or alias.name) not in modules]
            yield from (f"{node.lineno}: {module} {name}" for name in names if not _may_take(module, name))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            module = modules[node.value.id]
            if not _may_take(module, node.attr):
                yield f"{node.lineno}: {module} {node.attr}"


_KNOWN = ALLOWED.keys() | VALUE_MODULES | RULES


def _may_take(module: str, name: str) -> bool:
    return (
        module in VALUE_MODULES
        or name in ALLOWED.get(module, set())
        or (module in RULES and name.startswith(("check_", "stands_")))
    )


def _queries(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in QUERIES:
            yield f"{node.lineno}: .{node.attr}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            names = QUERIES_WITH_ARGUMENTS if node.args or node.keywords else QUERIES_WITHOUT_ARGUMENTS
            if node.func.attr in names:
                yield f"{node.lineno}: .{node.func.attr}()"

"""A member of an enum is written as that member: a value typed by hand is missed when the enum changes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from django.db.models import CheckConstraint, Q, UniqueConstraint

from dashboard.engine.plan import CONTRADICTED
from dashboard.engine.status import State
from dashboard.models import ChangeRequest, Rehearsal, Run
from dashboard.selectors import rehearsals
from tests.architecture import enums
from tests.architecture.enums import Literal

NOT_IN_META = "the class body of a model is out of sight inside its Meta; the tests below hold the two together"
BUTTON = "what the button “Approve and run now” sends"
NOT_BELOW = "a plan stands beside the states and imports none; the test below holds the two together"
COLUMN = "a column of another tool's table"
#: Words that only happen to read like a member: file, value, why.
ALLOWED: Mapping[tuple[str, str], str] = {
    ("dashboard/admin.py", "none"): "a word on a page: nobody's roles",
    ("dashboard/engine/database/doctor.py", "verify-full"): "a mode of libpq",
    ("dashboard/engine/schema/diff.py", "changed"): "a word in a sentence",
    ("dashboard/engine/rehearsal/throwaway.py", "rehearsal"): "the name of that server among addresses",
    ("dashboard/engine/sql/transaction.py", "none"): "SQL: a subscription without a slot",
    ("dashboard/engine/sql/directives.py", "allow"): "a word of a comment for the linter",
    ("dashboard/local/targets.py", "out_of_order"): "the code of a check",
    ("dashboard/forms/decisions.py", "run"): BUTTON,
    ("dashboard/views/requests.py", "run"): BUTTON,
    ("dashboard/presenters/forecasts.py", "not known"): "a word on a page",
    ("dashboard/presenters/actions.py", "applied"): "a word on a page",
    ("dashboard/presenters/actions.py", "rollback"): "a word on a page",
    ("dashboard/engine/files/parted.py", "down"): "a word in the name of a file",
    **{("dashboard/middleware.py", name): "the name of a page" for name in ("apply", "rollback", "import", "skip")},
    ("dashboard/api/seed.py", "accept"): "a field of what is sent",
    **{("dashboard/api/seed_calls.py", key): "a field of what is sent" for key in ("accept", "again")},
    ("dashboard/urls.py", "rollback"): "an address",
    ("dashboard/engine/plan.py", "unrecorded"): NOT_BELOW,
    ("dashboard/engine/plan.py", "altered"): NOT_BELOW,
    ("dashboard/cli/rehearse.py", "reversible"): "a word of a line",
    **{("dashboard/cli/rehearse.py", key): "a key of its JSON" for key in ("up", "down", "again")},
    **{
        ("dashboard/cli/comment.py", key): "a key of the JSON of rehearse"
        for key in ("up", "down", "again", "reversible")
    },
    ("dashboard/cli/comment.py", "migration"): "a word in a sentence",
    **{("dashboard/engine/git/trees.py", word): "a word in a sentence" for word in ("file", "submodule")},
    ("dashboard/engine/localserver/watchdog.py", "failed"): "a line for the process that began it",
    ("dashboard/models/failures.py", "cancelled"): "the code of an error",
    **{
        (f"dashboard/presenters/{name}.py", "ok"): "a tone and an icon"
        for name in ("environment_history", "failures", "forecasts", "restored")
    },
    ("dashboard/presenters/environment_history.py", "unknown"): "an icon",
    ("dashboard/presenters/rebinding.py", "none"): "a word on a page",
    ("dashboard/services/comments.py", "comment"): "a word in a sentence",
    **{("dashboard/services/evidence.py", word): "a word in a sentence" for word in ("error", "warning")},
    ("dashboard/services/forecasts.py", "run"): "the name of a relation",
    ("dashboard/services/plans.py", "skip"): "a word in a sentence",
    ("dashboard/services/throttle.py", "begin"): "the name of a counter",
    ("dashboard/engine/database/adoption.py", "dirty"): COLUMN,
    **{
        (f"dashboard/engine/imports/tools/{name}.py", word): COLUMN
        for name, word in (("atlas", "applied"), ("atlas", "error"), ("golang_migrate", "dirty"))
    },
    **{
        (f"dashboard/engine/files/formats/{name}.py", word): "a word of the tool's files"
        for name, words in {
            "atlas": ("none", "import"),
            "dbmate": ("up", "down"),
            "goose": ("up", "down"),
            "graphile_migrate": ("previous",),
            "node_pg_migrate": ("up", "down"),
            "prisma": ("migration",),
        }.items()
        for word in words
    },
    ("dashboard/models/mails.py", "mail_waiting"): NOT_IN_META,
    **{
        (f"dashboard/engine/imports/tools/{name}.py", "migration"): "a word in the names of tables"
        for name in ("dbmate", "diesel", "drizzle", "recognised")
    },
    **{("dashboard/models/rehearsals.py", status): NOT_IN_META for status in ("queued", "running")},
    **{
        ("dashboard/models/runs.py", status): NOT_IN_META for status in ("queued", "running", "interrupted", "unproven")
    },
    **{
        ("dashboard/models/requests.py", status): NOT_IN_META
        for status in ("open", "approved", "rejected", "expired", "withdrawn", "superseded", "done")
    },
}
#: The same in templates.
ALLOWED_IN_TEMPLATES: Mapping[tuple[str, str], str] = {
    ("templates/_components/messages.html", "error"): "a level of Django's messages",
    ("templates/_components/messages.html", "warning"): "a level of Django's messages",
}


@pytest.mark.parametrize(
    "source",
    [
        'run.status == "queued"',
        'run.status in {"queued", Run.Status.RUNNING}',
        'Run.objects.filter(status="queued")',
        'Run.objects.filter(status__in=["queued"])',
        'move(run, to="queued" if late else Run.Status.FAILED)',
        'Run.Status(row.get("status") or "queued")',
        'WORDS = {"queued": "Queued", "running": "Running"}',
        'match status:\n    case "queued":\n        pass',
        'move(run, "queued")',
        'frozenset({"queued"})',
        'def verdict():\n    return "queued" if late else Run.Status.FAILED',
        'def move(run, to="queued"):\n    pass',
        'def move(run, *, to="queued"):\n    pass',
        'lambda to="queued": to',
    ],
)
def test_a_typed_value_is_noticed(source: str) -> None:
    assert [literal.value for literal in enums.literals_in(source, "x.py")][:1] == ["queued"]


@pytest.mark.parametrize(
    "source",
    ['{"run": run, "title": title}', 'Pill(tone="run", icon="ok")', 'reverse("run")', 'row.get("queued")'],
)
def test_other_names_are_left_alone(source: str) -> None:
    assert [*enums.literals_in(source, "x.py")] == []


def test_python_names_the_member() -> None:
    assert _not_allowed([*enums.literals()], ALLOWED) == [], "name the member, or say in ALLOWED why it is none"


def test_templates_ask_for_a_flag_or_a_tone() -> None:
    """A template cannot name a member, so what depends on one is decided by its presenter."""
    assert _not_allowed([*enums.template_literals()], ALLOWED_IN_TEMPLATES) == [], "let the presenter say it"


def test_nothing_is_allowed_that_is_not_there() -> None:
    written = {(literal.file, literal.value) for literal in (*enums.literals(), *enums.template_literals())}
    assert ({*ALLOWED, *ALLOWED_IN_TEMPLATES} - written) == set()


def test_what_contradicts_the_log_is_named_as_its_states_are() -> None:
    assert {State.UNRECORDED, State.ALTERED} == CONTRADICTED


def test_a_request_is_closed_in_every_state_that_nothing_follows() -> None:
    final = {status for status, following in ChangeRequest.TRANSITIONS.items() if not following}
    states = _states(_constraint(ChangeRequest, "request_closed_when_final"))
    assert states == [set(ChangeRequest.Status) - final, final]


def test_one_run_of_an_environment_is_active() -> None:
    assert _states(_constraint(Run, "one_active_run_an_environment")) == [set(Run.ACTIVE)]


def test_one_rehearsal_of_a_digest_is_active() -> None:
    assert _states(_constraint(Rehearsal, "one_active_rehearsal_a_digest")) == [set(rehearsals.ACTIVE)]


def _not_allowed(literals: list[Literal], allowed: Mapping[tuple[str, str], str]) -> list[str]:
    return [str(literal) for literal in literals if (literal.file, literal.value) not in allowed]


def _constraint(model: type[ChangeRequest | Run | Rehearsal], name: str) -> Q:
    constraint = next(each for each in model._meta.constraints if each.name == name)
    assert isinstance(constraint, CheckConstraint | UniqueConstraint)
    assert isinstance(constraint.condition, Q)
    return constraint.condition


def _states(condition: Q) -> list[set[str]]:
    """The states that it names, alternative by alternative."""
    named: list[set[str]] = []
    for child in condition.children:
        if isinstance(child, Q):
            named += _states(child)
        elif isinstance(child, tuple) and child[0] == "status__in":
            named.append(set(child[1]))
    return named

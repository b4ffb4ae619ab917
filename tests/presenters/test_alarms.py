"""A failure of the same bytes elsewhere is the first thing an approver reads, in red."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib.auth.models import User

from dashboard.presenters import evidence as presenter
from dashboard.selectors.failed_attempts import FailedAttempt
from dashboard.services.actors import person
from dashboard.services.evidence import Evidence
from tests.presenters import values

FAILURE = FailedAttempt(
    label="011_primary",
    environment="staging",
    run=7,
    at=datetime(2026, 11, 28, tzinfo=UTC),
    sentence="could not create unique index",
)
ALICE = person(User(username="alice", is_superuser=True))


def test_it_outranks_complete_evidence():
    shown = presenter.of_plan(Evidence(), values.plan(), ALICE, [FAILURE])
    assert (shown.pill.tone, shown.pill.icon) == ("danger", "fail")
    assert presenter.of_plan(Evidence(), values.plan(), ALICE).pill.tone == "ok"


def test_it_names_the_file_the_server_said_and_leads_to_the_run():
    (alarm,) = presenter.of_plan(Evidence(), values.plan(), ALICE, [FAILURE]).alarms
    assert FAILURE.label in alarm.title
    assert FAILURE.sentence in alarm.sentence
    assert alarm.at == FAILURE.at
    assert alarm.url == "/runs/7/"

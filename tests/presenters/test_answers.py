from __future__ import annotations

from http import HTTPStatus

import pytest

from dashboard.engine.errors import EngineError, NothingToDo, TargetBusy
from dashboard.presenters import answers
from dashboard.services.errors import OwnRequest, ScopeMissing, TokenRefused, TooMany


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TokenRefused(reason="It is not known.", remedy="Send another one."), HTTPStatus.UNAUTHORIZED),
        (ScopeMissing(token="ci", needed="the scope runs:start"), HTTPStatus.FORBIDDEN),
        (OwnRequest(), HTTPStatus.FORBIDDEN),
        (TooMany(what="Too many", remedy="Wait."), HTTPStatus.TOO_MANY_REQUESTS),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_refusal_has_the_status_of_its_class(error: EngineError, status: HTTPStatus):
    assert answers.status_of(error) == status


def test_not_now_is_a_conflict_and_whatever_else_has_a_name_cannot_be_processed():
    statuses = dict(answers.STATUS)
    assert statuses[TargetBusy] == HTTPStatus.CONFLICT
    assert not [kind for kind in statuses if issubclass(NothingToDo, kind)]


def test_no_class_stands_behind_one_that_decides_for_it():
    kinds = [kind for kind, _ in answers.STATUS]
    hidden = [kind for at, kind in enumerate(kinds) if any(issubclass(kind, before) for before in kinds[:at])]
    assert hidden == []

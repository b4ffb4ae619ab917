"""Which installation this is: said plainly, loud only while a copy waits to be confirmed."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import User

from dashboard.models import Installation
from dashboard.models.installations import Home
from dashboard.presenters import installations as presenter
from dashboard.presenters import overview
from tests.presenters import values

OWN, ORIGINAL = uuid.UUID(int=0xA << 124), uuid.UUID(int=0xB << 124)
HOME = Home(system_identifier="71", database_oid=5, table_oid=6, deployment="prod")
COPIED = {"copy_of": ORIGINAL, "noticed_at": values.MOMENT}
CONFIRMED = {**COPIED, "confirmed_at": values.MOMENT, "confirmed_because": "It burnt down"}


def installation(**changes: Any) -> Installation:
    return Installation(**{"identity": OWN, "home": HOME.to_dict(), **changes})


def test_one_that_is_no_copy_names_only_itself():
    view = presenter.view(installation())
    assert values.says(view.sentence, "a0000000")
    assert (view.original, view.is_held, view.blind) == ("", False, "")
    assert dict(view.facts)["Copied from"] == ""


def test_a_copy_names_its_original_and_when_it_was_noticed():
    view = presenter.view(installation(**COPIED))
    assert view.is_held
    assert values.says(view.sentence, "b0000000")
    assert values.says(view.sentence, "UTC")
    assert dict(view.facts)["Copied from"] == ORIGINAL.hex


def test_one_that_was_confirmed_names_who_did():
    view = presenter.view(installation(**CONFIRMED, confirmed_by=User(username="carol")))
    assert not view.is_held
    assert values.says(view.sentence, "carol")
    assert dict(view.facts)["Confirmed because"] == "It burnt down"


def test_a_role_that_may_not_ask_for_the_server_is_told_of():
    blind = Home(system_identifier="", database_oid=5, table_oid=6)
    assert values.says(presenter.view(installation(home=blind.to_dict())).blind, "GRANT EXECUTE")
    assert presenter.view(installation(home=None)).blind == ""


def test_the_overview_says_first_that_it_is_a_copy_and_is_not_comforted():
    made = overview.overview([], [], [], installation=installation(**COPIED))
    (sentence,) = made.sentences
    assert (sentence.tone, sentence.url) == ("danger", "/installation/")


def test_the_overview_is_quiet_once_it_is_confirmed():
    made = overview.overview([], [], [], installation=installation(**CONFIRMED, confirmed_by=User(username="carol")))
    assert values.tones(made.sentences) == ["ok"]

"""Every address, asked by every person, with every verb.

`TABLE` has a row for each name in dashboard/urls.py. A new address without a row fails here and says what to add.
Rules that hold everywhere are not in the rows: strangers are sent to the sign-in page, someone without a role is
refused, HEAD is answered as GET is, and there is no verb beside these and POST. The POST sends a form that is complete,
so that its answer depends on the person alone.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLResolver, get_resolver, reverse
from django.utils import timezone
from django.utils.http import urlencode

from config.git_sources import GitDeclaration
from config.sources import Source
from dashboard import urls
from dashboard.engine.database import connection as connections
from dashboard.middleware import ASKS_A_TARGET, WITHOUT_ROLE
from dashboard.models import BreakGlass, ChangeRequest, Installation, Run
from dashboard.models.roles import Role
from dashboard.services import (
    approvals,
    drift,
    installations,
    limits,
    links,
    observations,
    permissions,
    plans,
    queue,
    rehearsals,
    runs,
    tokens,
)
from dashboard.services.actors import SIGNALBOX, Actor
from tests.fix_people import ClientOf, signed_in_at
from tests.fix_tokens import token_values
from tests.views import authorisation
from tests.views import world as worlds
from tests.views.world import World

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import HttpResponse
    from pytest_django.fixtures import SettingsWrapper

    from dashboard.engine.localserver import LocalServer

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
ROLES = ("viewer", "requester", "approver", "admin", "superuser")

OK, SEE_OTHER, REFUSED, NOT_FOUND, WRONG_METHOD, NOT_ACCEPTED, TOO_MANY = 200, 302, 403, 404, 405, 422, 429
NO_TOKEN = 401

#: What else can be sent; the last one is nobody's.
OTHER_VERBS = ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")

#: The answer to a viewer, a requester, an approver, an administrator and a superuser.
type Answers = tuple[int, int, int, int, int]


def everyone(status: int) -> Answers:
    return (status, status, status, status, status)


def from_requester(status: int) -> Answers:
    return (REFUSED, status, status, status, status)


def from_approver(status: int) -> Answers:
    return (REFUSED, REFUSED, status, status, status)


def admins(status: int) -> Answers:
    return (REFUSED, REFUSED, REFUSED, status, status)


def superusers(status: int) -> Answers:
    return (REFUSED, REFUSED, REFUSED, REFUSED, status)


@dataclass(frozen=True, kw_only=True)
class Address:
    """One row: where it leads, what it answers, what its form sends."""

    get: Answers
    post: Answers
    arguments: Mapping[str, str] = field(default_factory=dict)  # "{run}" stands for the number of the run
    form_on: str = ""  # the address whose page holds the form, where that is another one
    sends: Mapping[str, object] = field(default_factory=dict)  # beside the hidden fields of the page
    before: Callable[[World, SettingsWrapper], None] = lambda world, settings: None  # what has to have happened
    own: Answers | None = None  # to a POST about what is one's own, where that is answered in another way
    superior: tuple[Answers, Answers] | None = None  # to GET and POST about a superuser, where that is another answer


def only_post(answers: Answers, **values: object) -> Address:
    return Address(get=everyone(WRONG_METHOD), post=answers, **values)  # type: ignore[arg-type]


def only_get(answers: Answers, **values: object) -> Address:
    return Address(get=answers, post=everyone(WRONG_METHOD), **values)  # type: ignore[arg-type]


def both(status: int, **values: object) -> Address:
    return Address(get=everyone(status), post=everyone(status), **values)  # type: ignore[arg-type]


def on(slug: str, version: str = "", name: str = "", **more: str) -> dict[str, str]:
    given = {"slug": slug, "version": version, "name": name, **more}
    return {argument: value for argument, value in given.items() if value}


def production_leads_to_busy(world: World, settings: SettingsWrapper) -> None:
    observations.refresh(world.environment("production"))
    observations.refresh(world.point_at(settings, "production", to="busy"))


def broken_has_drifted(world: World, settings: SettingsWrapper) -> None:
    drift.check(world.environment("broken"), by=SIGNALBOX)
    world.databases["broken"].query("CREATE TABLE IF NOT EXISTS by_hand (); ALTER TABLE by_hand ADD COLUMN more int")
    drift.check(world.environment("broken"), by=SIGNALBOX)
    world.databases["broken"].query("DROP TABLE by_hand")


def log_says_004(world: World, settings: SettingsWrapper) -> None:
    """Long before the others, so that it keeps no rollback of theirs back: the world is shared by all rows."""
    world.databases["staging"].query(
        "INSERT INTO platform.migration_audit_log (version, name, executed_by, executed_at, action, outcome) "
        "VALUES ('004', 'city', 'alice', '2020-01-01', 'apply', 'succeeded')"
    )


def it_is_a_copy(world: World, settings: SettingsWrapper) -> None:
    """Noticed, so that the identity on the page is that of the copy."""
    home = installations.current().home or {}
    Installation.objects.update(home={**home, "database_oid": 1})
    installations.current()


def billing_is_in_git(world: World, settings: SettingsWrapper) -> None:
    declared = GitDeclaration(url="https://git.example.org/billing.git")
    settings.SOURCES = (Source(name="billing", folder=Path("billing"), git=declared),)


def nothing_can_be_found_out(world: World, settings: SettingsWrapper) -> None:
    Run.objects.update(status=Run.Status.INTERRUPTED, failure={"unresolved": {"code": "witness_gone"}})


def run_has_ended(world: World, settings: SettingsWrapper) -> None:
    Run.objects.update(status=Run.Status.FAILED, failure={"code": "statement_failed", "sentence": "It failed."})


def production_allows_break_glass(world: World, settings: SettingsWrapper) -> None:
    settings.ENVIRONMENTS = tuple(replace(each, break_glass=each.protected) for each in world.environments)


def approved_one_is_scheduled(world: World, settings: SettingsWrapper) -> None:
    approved = ChangeRequest.objects.filter(status=ChangeRequest.Status.APPROVED)
    approved.update(start_at=timezone.now() + timedelta(hours=2), scheduled_by=F("requested_by"))


REASON = {"reason": "December release"}
TOMORROW = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M}"
PASSWORD = dict.fromkeys(("password", "again"), "nightfall under a canvas")

TABLE: dict[str, Address] = {
    "overview": only_get(everyone(OK)),
    "audit": only_get(everyone(OK)),
    "installation": Address(get=everyone(OK), post=admins(SEE_OTHER), sends=REASON, before=it_is_a_copy),
    # Environments
    "environments": only_get(everyone(OK)),
    "environment": only_get(everyone(OK), arguments=on("staging")),
    "environment-refresh": only_post(everyone(SEE_OTHER), arguments=on("staging")),
    "connection": only_get(from_requester(OK), arguments=on("staging")),
    "guide": only_get(admins(OK)),
    "guide-target": only_get(admins(SEE_OTHER), arguments=on("staging")),
    "guide-rehearsals": only_get(admins(SEE_OTHER)),
    "rebind": Address(
        get=admins(OK),
        post=admins(SEE_OTHER),
        arguments=on("production"),
        sends={**REASON, "typed_name": "production"},
        before=production_leads_to_busy,
    ),
    "apply": Address(get=everyone(OK), post=from_requester(SEE_OTHER), arguments=on("production"), sends=REASON),
    "apply-rehearse": only_post(from_requester(SEE_OTHER), arguments=on("production")),
    "rollback": Address(
        get=everyone(OK),
        post=from_requester(SEE_OTHER),
        arguments=on("staging", "002", "orders"),
        sends={"accepted": ["unproven_rollback:002"]},
    ),
    "rollback-rehearse": only_post(from_requester(SEE_OTHER), arguments=on("staging", "002", "orders")),
    "settle": Address(
        get=everyone(OK),
        post=admins(OK),
        arguments=on("broken", "003", "emails"),
        sends={"way": "reset", "reset-reason": "Both indexes were dropped by hand"},
    ),
    "saved": only_get(everyone(OK), arguments=on("staging")),
    "bring-back": Address(
        get=everyone(OK), post=from_requester(SEE_OTHER), arguments=on("staging", "002", "orders", run_key="7")
    ),
    "edits": Address(get=everyone(OK), post=from_requester(SEE_OTHER), arguments=on("staging")),
    "import": Address(get=admins(OK), post=admins(NOT_ACCEPTED), arguments=on("staging")),  # nothing is there
    "repairs": only_get(admins(SEE_OTHER), arguments=on("staging")),
    "repair": Address(
        get=admins(OK), post=admins(OK), arguments=on("staging", action="skip"), sends={**REASON, "pick": "004/city"}
    ),
    "drift": only_get(everyone(OK), arguments=on("staging")),
    "drift-check": only_post(everyone(SEE_OTHER), arguments=on("staging")),
    "drift-accept": only_post(
        admins(SEE_OTHER), arguments=on("broken"), form_on="drift", sends=REASON, before=broken_has_drifted
    ),
    "compare": only_get(everyone(OK)),
    "skip": Address(get=admins(OK), post=admins(OK), arguments=on("staging", "004"), sends=REASON),
    "unskip": Address(get=admins(OK), post=admins(OK), arguments=on("staging", "003", "emails"), sends=REASON),
    "restore-records": Address(
        get=admins(OK), post=admins(OK), arguments=on("staging"), sends=REASON, before=log_says_004
    ),
    # Migrations
    "migrations": only_get(everyone(OK)),
    "problems": only_get(everyone(OK)),
    "migration": only_get(everyone(OK), arguments={"version": "001", "name": "users"}),
    # Sources: the one in a repository was never fetched
    "sources": only_get(everyone(OK)),
    "source": only_get(everyone(OK), arguments={"source": "default"}),
    "source-compare": only_get(everyone(NOT_FOUND), arguments={"source": "default", "old": "a" * 40, "new": "b" * 40}),
    "source-fetch": only_post(from_requester(SEE_OTHER), arguments={"source": "billing"}, before=billing_is_in_git),
    # Without a signature nobody is heard, whoever it is
    "hook": only_post(everyone(REFUSED), arguments={"hook": "billing"}),
    # Requests: both were opened by somebody else, and so was the glass
    "requests": only_get(everyone(OK)),
    "request": only_get(everyone(OK), arguments={"pk": "{open}"}),
    "request-approve": only_post(
        from_approver(SEE_OTHER), arguments={"pk": "{open}"}, form_on="request", own=everyone(REFUSED)
    ),
    "request-reject": only_post(
        from_approver(SEE_OTHER), arguments={"pk": "{open}"}, form_on="request", sends=REASON, own=everyone(REFUSED)
    ),
    "request-withdraw": only_post(admins(SEE_OTHER), arguments={"pk": "{open}"}, own=everyone(SEE_OTHER)),
    "request-run": only_post(
        from_requester(SEE_OTHER), arguments={"pk": "{approved}"}, sends={"typed_name": "production"}
    ),
    "request-comment": only_post(
        from_requester(SEE_OTHER), arguments={"pk": "{open}"}, sends={"text": "Why now? @alice"}
    ),
    "request-schedule": only_post(
        from_requester(SEE_OTHER),
        arguments={"pk": "{approved}"},
        sends={"schedule-start": TOMORROW, "schedule-typed_name": "production"},
    ),
    "request-unschedule": only_post(
        from_requester(SEE_OTHER), arguments={"pk": "{approved}"}, before=approved_one_is_scheduled
    ),
    "break-glass": only_post(
        admins(SEE_OTHER),
        arguments={"pk": "{open}"},
        form_on="request",
        sends={"glass-reason": "Nobody can sign in", "glass-typed_name": "production"},
        before=production_allows_break_glass,
        own=admins(SEE_OTHER),
    ),
    "break-glass-review": only_post(
        from_approver(SEE_OTHER),
        arguments={"pk": "{open}", "opening": "{opening}"},
        sends={"review-comment": "It was right"},
        own=everyone(REFUSED),
    ),
    "request-rehearse": only_post(from_requester(SEE_OTHER), arguments={"pk": "{open}"}),
    # Rehearsals and runs: both were started by somebody else
    "rehearsal": only_get(everyone(OK), arguments={"pk": "{rehearsal}"}),
    "runs": only_get(everyone(OK)),
    "run": only_get(everyone(OK), arguments={"pk": "{run}"}),
    "run-cancel": only_post(from_approver(SEE_OTHER), arguments={"pk": "{run}"}, own=everyone(SEE_OTHER)),
    "run-end": Address(
        get=admins(OK),
        post=admins(SEE_OTHER),
        arguments={"pk": "{run}"},
        sends={**REASON, "typed_name": "busy"},
        before=nothing_can_be_found_out,
    ),
    "run-erase": Address(
        get=admins(OK),
        post=admins(SEE_OTHER),
        arguments={"pk": "{run}"},
        sends=REASON,
        before=run_has_ended,
    ),
    # Signing in: whoever is signed in already is sent on to the overview; nobody has set up a provider
    "login": both(SEE_OTHER),
    "account_login": both(SEE_OTHER),
    "mfa_authenticate": both(SEE_OTHER),
    "mfa_login_webauthn": both(SEE_OTHER),
    "github_login": both(NOT_FOUND),
    "github_callback": both(NOT_FOUND),
    "openid_connect_login": both(NOT_FOUND, arguments={"provider_id": "oidc"}),
    "openid_connect_callback": both(NOT_FOUND, arguments={"provider_id": "oidc"}),
    "join": Address(get=everyone(OK), post=everyone(SEE_OTHER), arguments={"token": "{token}"}, sends=PASSWORD),
    # Showing again who one is: by password, as nobody of them has a second factor
    "account_reauthenticate": both(OK),
    "mfa_reauthenticate": both(SEE_OTHER),
    "mfa_reauthenticate_webauthn": both(SEE_OTHER),
    "account-confirm-provider": only_get(everyone(OK)),
    # One's own account
    "account": only_get(everyone(OK)),
    "mfa_index": only_get(everyone(OK)),
    "mfa_list_webauthn": only_get(everyone(OK)),
    "account-password": Address(
        get=everyone(OK), post=everyone(SEE_OTHER), sends={**PASSWORD, "present": "correct horse battery staple"}
    ),
    "account-notices": only_post(everyone(SEE_OTHER)),
    "account-sessions-end": only_post(everyone(SEE_OTHER)),
    "mfa_activate_totp": both(OK),
    "mfa_deactivate_totp": both(NOT_FOUND),
    "mfa_add_webauthn": both(OK),
    "mfa_remove_webauthn": both(NOT_FOUND, arguments={"pk": "1"}),
    "mfa_view_recovery_codes": Address(get=everyone(NOT_FOUND), post=everyone(WRONG_METHOD)),
    "mfa_generate_recovery_codes": both(OK),
    "theme": only_post(everyone(SEE_OTHER), sends={"theme": "dark"}),
    # Other people
    "people": only_get(admins(OK)),
    "people-invite": Address(get=admins(OK), post=admins(OK), sends={"username": "nora", "role": "viewer"}),
    "person": Address(
        get=admins(OK),
        post=admins(SEE_OTHER),
        arguments={"pk": "{person}"},
        sends={"role": "viewer", "active": "on"},
        superior=(superusers(OK), superusers(SEE_OTHER)),
    ),
    "people-link": only_post(
        admins(OK), arguments={"pk": "{person}"}, superior=(everyone(WRONG_METHOD), superusers(OK))
    ),
    "people-remove-factor": only_post(
        admins(SEE_OTHER), arguments={"pk": "{person}"}, superior=(everyone(WRONG_METHOD), superusers(SEE_OTHER))
    ),
    # Tokens of machines
    "tokens": only_get(admins(OK)),
    "token-new": Address(
        get=admins(OK),
        post=admins(OK),
        sends={"name": "ci", "account": "own", "scopes": "migrations:read", "environments": "staging", "days": "30"},
    ),
    "token-revoke": only_post(admins(SEE_OTHER), arguments={"pk": "{api_token}"}),
    # The API knows nobody by a session: tests/api asks what a token may
    "seed-status": Address(get=everyone(NO_TOKEN), post=everyone(WRONG_METHOD)),
    "seed-migrate": only_post(everyone(NO_TOKEN)),
    "seed-rollback": only_post(everyone(NO_TOKEN)),
    "api": only_get(everyone(OK)),
    "ready": only_get(everyone(503)),  # no worker is running here
    # The last one, for whoever goes through the table with one browser
    "logout": only_post(everyone(SEE_OTHER)),
}

#: What an address answers to whom it does not know or who has no role: (GET, POST) each.
STRANGERS = {
    "login": (OK, OK),
    "account_login": (OK, OK),
    "mfa_authenticate": (SEE_OTHER, SEE_OTHER),
    "mfa_login_webauthn": (SEE_OTHER, SEE_OTHER),
    "github_login": (NOT_FOUND, NOT_FOUND),
    "github_callback": (NOT_FOUND, NOT_FOUND),
    "openid_connect_login": (NOT_FOUND, NOT_FOUND),
    "openid_connect_callback": (NOT_FOUND, NOT_FOUND),
    "join": (NOT_ACCEPTED, NOT_ACCEPTED),
    "hook": (WRONG_METHOD, REFUSED),
    "logout": (SEE_OTHER, SEE_OTHER),
    "theme": (WRONG_METHOD, SEE_OTHER),
    "seed-status": (NO_TOKEN, WRONG_METHOD),
    "seed-migrate": (WRONG_METHOD, NO_TOKEN),
    "seed-rollback": (WRONG_METHOD, NO_TOKEN),
    "ready": (503, WRONG_METHOD),
}
OUTSIDERS = {
    **STRANGERS,
    "login": (SEE_OTHER, SEE_OTHER),
    "account_login": (SEE_OTHER, SEE_OTHER),
    "logout": (WRONG_METHOD, SEE_OTHER),
}

#: What leads to a thing that does not exist.
NOWHERE = {"slug": "nowhere", "pk": "4711", "source": "nowhere"}

#: For answers that are given before anything is looked up.
ANY_NUMBERS = dict.fromkeys(("open", "approved", "run", "rehearsal", "opening", "person", "token", "api_token"), "1")


@pytest.fixture(scope="module")
def targets(postgres_server: LocalServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = worlds.make(tmp_path_factory.mktemp("migrations"), postgres_server)
    yield made
    for database in made.databases.values():
        postgres_server.drop_database(database.name)


@pytest.fixture
def world(targets: World, settings: SettingsWrapper) -> World:
    settings.SOURCE, settings.ENVIRONMENTS = targets.folder, targets.environments
    return targets


@pytest.fixture
def somebody(make_user: Callable[..., User]) -> User:
    """Who asked and started: none of the people who are asked about."""
    return make_user("sam", "requester")


@pytest.fixture
def numbers(
    world: World, somebody: User, approver: User, admin: User, acting: Callable[[User], Actor]
) -> dict[str, str]:
    """What stands in addresses: the numbers of an open and an approved request, a queued run, a rehearsal, a glass that
    was opened for a while, somebody who was invited and a token of a machine, and the token of their link."""
    production, busy, alice = world.environment("production"), world.environment("busy"), acting(somebody)
    release = {"environment": production, "by": alice, "reason": "December release"}
    opened = approvals.open_request(plans.apply(production, upto="001"), **release)
    approved = approvals.open_request(plans.apply(production, upto="002"), **release)
    approvals.approve(approved.pk, by=acting(approver), digest=approved.digest)
    run = runs.start(plans.apply(busy, upto="001"), environment=busy, by=alice)
    rehearsal = rehearsals.ask(plans.apply(busy, upto="002"), environment=busy, by=alice)
    now = timezone.now()
    opening = BreakGlass.objects.create(
        request=opened, digest=opened.digest, reason="Urgent", by=somebody, at=now - HOUR, expires_at=now - HOUR / 2
    )
    newcomer, token = links.invite(by=acting(admin), username="newcomer", role=Role.VIEWER)
    api_token, _ = tokens.make(by=acting(admin), **token_values())
    made = {
        "api_token": api_token,
        "open": opened,
        "approved": approved,
        "run": run,
        "rehearsal": rehearsal,
        "opening": opening,
        "person": newcomer,
    }
    return {**{name: str(row.pk) for name, row in made.items()}, "token": token}


@pytest.fixture
def clients(client_of: ClientOf, request: pytest.FixtureRequest) -> dict[str, Client]:
    return {role: client_of(request.getfixturevalue(role)) for role in ROLES}


def test_every_address_has_a_row() -> None:
    names = {pattern.name for pattern in urls.urlpatterns}
    missing, left_over = sorted(names - set(TABLE)), sorted(set(TABLE) - names)
    assert not missing, (
        f"Add a row to TABLE in tests/views/test_access.py for {missing}: what each person is answered to GET and to "
        "POST, and what a complete form sends."
    )
    assert not left_over, f"Take out of TABLE in tests/views/test_access.py what has no address any more: {left_over}"


@pytest.mark.parametrize("name", TABLE)
def test_each_person_gets_the_answer_of_the_table(
    name: str, world: World, numbers: dict[str, str], clients: dict[str, Client], settings: SettingsWrapper
) -> None:
    row = TABLE[name]
    row.before(world, settings)
    address, form = _address(name, numbers), _form(name, numbers, clients["admin"])
    answers = {role: _all_three(clients[role], address, form) for role in ROLES}
    assert answers == dict(zip(ROLES, zip(row.get, row.get, row.post, strict=True), strict=True))


#: A check that lets everyone pass, and an address whose answers have to show that.
HOLES = {
    "check_can_request": "apply",
    "check_can_approve": "request-approve",
    "check_can_decide": "request-reject",
    "check_can_withdraw": "request-withdraw",
    "check_can_run": "request-run",
    "check_can_comment": "request-comment",
    "check_can_break_glass": "break-glass",
    "check_can_review": "break-glass-review",
    "check_can_cancel": "run-cancel",
}


@pytest.mark.parametrize(("check", "name"), HOLES.items())
def test_a_check_that_lets_everyone_pass_is_seen_by_the_table(
    check: str,
    name: str,
    world: World,
    numbers: dict[str, str],
    clients: dict[str, Client],
    settings: SettingsWrapper,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = TABLE[name]
    row.before(world, settings)
    address, form = _address(name, numbers), _form(name, numbers, clients["admin"])
    monkeypatch.setattr(permissions, check, lambda *arguments: None)
    answers = tuple(_status(clients[role].post, address, form) for role in ROLES)
    assert answers != row.post


#: Addresses that look at a target because a person asks for it: those have a count of their own.
LOOKS = {("GET", "connection")}

#: Where somebody who signed in an hour ago shows again who they are, if the environment is protected; and what the form
#: sends there more. Importing and mending a history are asked in test_imports, test_repairs, test_settling and
#: test_by_hand.
CONFIRMED: dict[str, dict[str, str]] = {
    "rebind": {},
    "apply": {},
    "rollback": REASON,
    "bring-back": REASON,
    "edits": REASON,
    "drift-accept": {"typed_name": "broken"},
    "request-approve": {},
    "request-run": {},
    "request-schedule": {},
    "break-glass": {},
    "break-glass-review": {},
    "run-end": {},
}


@pytest.mark.parametrize(("name", "more"), CONFIRMED.items(), ids=CONFIRMED)
def test_on_a_protected_environment_a_person_shows_again_who_they_are(
    name: str,
    more: dict[str, str],
    world: World,
    numbers: dict[str, str],
    admin: User,
    client_of: ClientOf,
    settings: SettingsWrapper,
) -> None:
    TABLE[name].before(world, settings)
    settings.ENVIRONMENTS = tuple(replace(each, protected=True) for each in settings.ENVIRONMENTS)
    client, address = client_of(admin), _address(name, numbers)
    form = {**_form(name, numbers, client), **more}
    signed_in_at(client, admin, time.time() - HOUR.total_seconds())
    answer = client.post(address, form)
    assert (answer.status_code, answer.headers.get("Location", "")) == (
        SEE_OTHER,
        f"{reverse('account_reauthenticate')}?{urlencode({'next': address})}",
    )


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row.own])
def test_each_person_gets_the_answer_of_the_table_about_what_is_their_own(
    name: str,
    world: World,
    numbers: dict[str, str],
    clients: dict[str, Client],
    settings: SettingsWrapper,
    request: pytest.FixtureRequest,
) -> None:
    row = TABLE[name]
    row.before(world, settings)
    address, form = _address(name, numbers), _form(name, numbers, clients["admin"])
    answers = {}
    for role in ROLES:
        person = request.getfixturevalue(role)
        ChangeRequest.objects.update(requested_by=person)
        Run.objects.update(started_by=person)
        BreakGlass.objects.update(by=person)
        answers[role] = _status(clients[role].post, address, form)
    assert answers == dict(zip(ROLES, row.own or (), strict=True))


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row.superior])
def test_each_person_gets_the_answer_of_the_table_about_a_superuser(
    name: str, world: World, numbers: dict[str, str], clients: dict[str, Client]
) -> None:
    from django.contrib.auth.models import User

    row = TABLE[name]
    assert row.superior
    User.objects.filter(pk=numbers["person"]).update(is_superuser=True)
    address, form = _address(name, numbers), {**row.sends, "superuser": "on"}
    answers = {role: _all_three(clients[role], address, form) for role in ROLES}
    get, post = row.superior
    assert answers == dict(zip(ROLES, zip(get, get, post, strict=True), strict=True))


def test_no_other_verb_does_anything_whoever_sends_it(
    clients: dict[str, Client], outsider: User, client_of: ClientOf, client: Client
) -> None:
    """Nothing is even looked up: none of them can ever write."""
    addresses = [_address(name, ANY_NUMBERS) for name in TABLE] + list(_administration())
    for browser in (*clients.values(), client_of(outsider), client):
        with CaptureQueriesContext(connection) as asked:
            answers = {browser.generic(verb, address).status_code for verb in OTHER_VERBS for address in addresses}
        assert (answers, len(asked)) == ({WRONG_METHOD}, 0)


def test_whatever_makes_a_target_or_the_worker_work_is_limited(
    world: World,
    numbers: dict[str, str],
    superuser: User,
    client_of: ClientOf,
    settings: SettingsWrapper,
    work: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each address is asked as whoever may do everything: once as ever, to see what works, and once by somebody who
    has used up what one person may have in a minute."""
    browser, works, unlimited = client_of(superuser), set(), set()
    declared, sources = settings.ENVIRONMENTS, settings.SOURCES
    for name, row in TABLE.items():
        with transaction.atomic():
            row.before(world, settings)
            address, form = _address(name, numbers), _form(name, numbers, browser)
            for verb, asks in (("GET", partial(browser.get, address)), ("POST", partial(browser.post, address, form))):
                works |= {(verb, name)} if _works(asks, work) else set()
                with monkeypatch.context() as used_up:
                    for limit in ("PAGES", "DEEDS"):
                        used_up.setattr(limits, limit, 0)
                    unlimited |= {(verb, name)} if _works(asks, work) else set()
            transaction.set_rollback(True)
        settings.ENVIRONMENTS, settings.SOURCES = declared, sources
    assert not unlimited - LOOKS, (
        f"{sorted(unlimited - LOOKS)} ask a target or wake the worker, and nobody counts how often. Add what is read "
        "to ASKS_A_TARGET in dashboard/middleware.py."
    )
    assert len(works) > 25, "the test sees what works"
    assert {name for verb, name in works if verb == "GET"} - {"request", "connection"} == ASKS_A_TARGET


@pytest.mark.parametrize(
    ("verb", "name"),
    sorted(LOOKS | {("GET", "guide-target"), ("POST", "drift-check"), ("POST", "environment-refresh")}),
)
def test_a_look_by_hand_is_limited(
    verb: str,
    name: str,
    world: World,
    numbers: dict[str, str],
    clients: dict[str, Client],
    work: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "LOOKS", 1)
    asks = partial(clients["admin"].generic, verb, _address(name, numbers), headers={"HX-Request": "true"})
    assert asks().status_code != TOO_MANY
    assert work
    work.clear()
    assert (asks().status_code, work) == (TOO_MANY, [])


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Jobs that were deferred and connections to targets that were opened."""
    made: list[str] = []
    opened, deferred = connections._opened, queue._defer
    monkeypatch.setattr(connections, "_opened", lambda *given: made.append("target") or opened(*given))
    monkeypatch.setattr(
        queue, "_defer", lambda name, *given, **more: made.append(name) or deferred(name, *given, **more)
    )
    return made


def _works(asks: Callable[[], HttpResponse], work: list[str]) -> bool:
    work.clear()
    _status(asks)
    return bool(work)


def test_the_table_in_the_documentation_is_this_one() -> None:
    written = authorisation.PAGE.read_text(encoding="utf-8")
    assert written == authorisation.document(TABLE), (
        "docs/authorisation.md is out of date. Write it anew: python -m tests.views.authorisation"
    )


def test_strangers_sign_in_first_and_come_back_to_where_they_were_going(client: Client) -> None:
    assert _answers(client) == {**dict.fromkeys(TABLE, (SEE_OTHER, SEE_OTHER)), **STRANGERS}
    for name in set(TABLE) - set(STRANGERS):
        address = _address(name, ANY_NUMBERS)
        assert client.get(address).headers["Location"] == f"{reverse('login')}?next={address}"


def test_people_without_a_role_are_refused(outsider: User, client_of: ClientOf) -> None:
    assert _answers(client_of(outsider)) == {**dict.fromkeys(TABLE, (REFUSED, REFUSED)), **OUTSIDERS}


def test_only_signing_in_and_out_and_the_theme_are_open_to_people_without_a_role() -> None:
    assert set(OUTSIDERS) == set(STRANGERS) == WITHOUT_ROLE


def test_what_does_not_exist_is_not_found(world: World, admin: User, client_of: ClientOf) -> None:
    client = client_of(admin)
    for name, row in TABLE.items():
        if set(NOWHERE) & set(row.arguments):
            arguments = {key: NOWHERE.get(key, value.format(**ANY_NUMBERS)) for key, value in row.arguments.items()}
            asks = client.post if row.get == everyone(WRONG_METHOD) else client.get
            assert _status(asks, reverse(name, kwargs=arguments)) == NOT_FOUND, name


def test_the_administration_opens_to_nobody_who_is_not_staff(clients: dict[str, Client], client: Client) -> None:
    for asked in (*clients.values(), client):
        answers = {address: _status(asked.get, address) for address in _administration()}
        assert set(answers.values()) <= {SEE_OTHER, REFUSED, OK}
        assert OK not in answers.values(), "there is one way in, which is not here"


def _administration() -> Iterator[str]:
    """Every address under /admin/, about things number 1 where it names one."""
    (site,) = (entry for entry in get_resolver().url_patterns if getattr(entry, "namespace", "") == "admin")
    for entry in site.url_patterns:
        for pattern in entry.url_patterns if isinstance(entry, URLResolver) else [entry]:
            if pattern.name:
                prefix = str(entry.pattern) if isinstance(entry, URLResolver) else ""
                yield "/admin/" + re.sub(r"<[^>]+>", "1", prefix + str(pattern.pattern))


def _answers(client: Client) -> dict[str, tuple[int, int]]:
    """By name of the address: to GET, and to a POST with nothing in it."""
    addresses = {name: _address(name, ANY_NUMBERS) for name in TABLE}
    return {
        name: (_status(client.get, address), _status(client.post, address, {})) for name, address in addresses.items()
    }


def _address(name: str, numbers: Mapping[str, str]) -> str:
    return reverse(name, kwargs={key: value.format(**numbers) for key, value in TABLE[name].arguments.items()})


def _form(name: str, numbers: Mapping[str, str], admin: Client) -> dict[str, object]:
    """The hidden fields of the page, as whoever may do everything finds them, and what the row adds."""
    row = TABLE[name]
    has_page = row.form_on or row.get[-1] == OK
    arguments = {key: value.format(**numbers) for key, value in row.arguments.items()}
    page = admin.get(reverse(row.form_on or name, kwargs=arguments)).content.decode() if has_page else ""
    hidden = re.findall(r'<input type="hidden" name="([a-z_-]+)" value="([^"]*)"', page)
    return {**dict(hidden), **row.sends}


def _all_three(client: Client, address: str, form: Mapping[str, object]) -> tuple[int, int, int]:
    """To GET, HEAD and POST."""
    return _status(client.get, address), _status(client.head, address), _status(client.post, address, form)


def _status(asks: Callable[..., HttpResponse], *arguments: object) -> int:
    """Nothing of it lasts, so that the next person finds everything as this one did."""
    with transaction.atomic():
        status = asks(*arguments).status_code
        transaction.set_rollback(True)
    return status

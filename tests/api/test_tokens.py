"""Tokens: how one looks, what is kept of it, when it is refused, and that it never decides."""

from __future__ import annotations

import re
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from config import tokens as declared
from config.errors import Misconfigured
from config.tokens import Scope
from dashboard.engine.errors import EngineError
from dashboard.models import ApiToken, AuditEvent, ChangeRequest, MachineAccount, Run, token_declarations
from dashboard.models.roles import Role
from dashboard.services import (
    actors,
    approvals,
    callers,
    execution,
    limits,
    links,
    people,
    permissions,
    plans,
    runs,
    shell,
    tokens,
)
from dashboard.services.actors import Actor
from dashboard.services.audit import Event
from dashboard.services.errors import (
    AlreadyDecided,
    ApproverTouched,
    MachineRefused,
    NameRefused,
    NotForTokens,
    OwnToken,
    PermissionRefused,
    ScopeMissing,
    TokenGone,
    TokenRefused,
    TooMany,
)
from tests.fix_tokens import Caller, MakeToken, token_values
from tests.services import workflow

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_django.fixtures import SettingsWrapper

    from tests.fix_project import Project

pytestmark = pytest.mark.django_db

VARIABLE = "s" * 40


def acting_by(caller: Caller) -> Actor:
    return callers.authenticate(caller.text, source_ip="192.0.2.9")


# What it is


def test_what_a_token_may_not_do_is_in_the_log(make_token: MakeToken, project: Project) -> None:
    reads = make_token(name="reads", scopes=[Scope.READ], slugs=["staging"])
    for _ in range(3):
        assert reads.post("/migrate?environment=staging").status_code == 403
    assert reads.get("/api/v1/environments/production/status").status_code == 403
    events = AuditEvent.objects.filter(kind=Event.ACCESS_REFUSED).order_by("pk")
    assert [(event.actor, event.data["verb"], event.data["by_token"]) for event in events] == [
        ("reads", "POST", "reads"),
        ("reads", "GET", "reads"),
    ]


def test_a_token_has_a_prefix_for_scanners_and_is_kept_as_its_hash(ci: Caller) -> None:
    assert re.fullmatch(r"sbx_[0-9A-Za-z]{54}", ci.text)
    kept = ApiToken.objects.values().get()
    assert kept["secret_hash"] == sha256(ci.text.encode()).hexdigest()
    assert kept["mark"] == ci.text[4:12]
    assert ci.text[12:] not in str(kept)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-1],
        lambda text: text[:20] + ("a" if text[20] != "a" else "b") + text[21:],
        lambda text: text[:20] + text[21] + text[20] + text[22:] if text[20] != text[21] else text[:-2],
        lambda text: "ghp_" + text[4:],
        lambda text: text.swapcase(),
        lambda text: text[:10] + "é" + text[11:],
    ],
    ids=["cut off", "mistyped", "two swapped", "other prefix", "other case", "not ascii"],
)
def test_a_mistyped_token_is_told_apart_without_asking_the_database(
    ci: Caller, spoil: Callable[[str], str], django_assert_num_queries: Callable[..., object]
) -> None:
    with django_assert_num_queries(0), pytest.raises(TokenRefused) as refusal:  # type: ignore[attr-defined]
        callers.authenticate(spoil(ci.text), source_ip=None)
    assert refusal.value.facts["reason"].startswith("That is no token")


def test_a_whole_token_that_nobody_made_is_not_known(ci: Caller) -> None:
    forged = tokens._new_text()
    with pytest.raises(TokenRefused) as refusal:
        callers.authenticate(forged, source_ip=None)
    assert str(refusal.value) == "This token is not known here."


def test_the_readable_part_of_a_token_with_another_secret_opens_nothing(ci: Caller) -> None:
    body = ci.text[:12] + tokens._new_text()[12:52]
    with pytest.raises(TokenRefused):
        callers.authenticate(body + tokens._checksum(body), source_ip=None)


# For whom


def test_a_ci_gets_an_account_that_nobody_signs_in_to(ci: Caller, carol: Actor) -> None:
    by = acting_by(ci)
    account = by.person
    assert (account.get_username(), account.has_usable_password(), by.token) == ("github-acme", False, ci.token)
    assert MachineAccount.objects.filter(account=account).exists()
    with pytest.raises(MachineRefused):
        links.make_for(account, by=carol)


@pytest.mark.parametrize(
    "change", [{"email": "ci@example.org"}, {"role": Role.APPROVER}, {"role": Role.ADMIN}], ids=lambda change: [*change]
)
def test_the_account_of_a_machine_becomes_no_persons(ci: Caller, carol: Actor, change: dict[str, object]) -> None:
    values = {"full_name": "", "email": "", "role": Role.REQUESTER, "active": True, "superuser": False} | change
    with pytest.raises(MachineRefused):
        people.change(acting_by(ci).person.pk, by=carol, **values)


def test_a_second_token_serves_the_same_machine(ci: Caller, make_token: MakeToken) -> None:
    second = make_token(name="github-acme-2", account=acting_by(ci).person)
    assert acting_by(second).person == acting_by(ci).person


def test_a_token_of_a_person_acts_in_their_name(make_token: MakeToken, requester: User) -> None:
    assert acting_by(make_token(account=requester)).name == "alice"


@pytest.mark.parametrize("who", ["viewer", "requester", "approver"])
def test_only_administrators_make_and_revoke_tokens(who: str, ci: Caller, request: pytest.FixtureRequest) -> None:
    by = actors.person(request.getfixturevalue(who))
    assert ci.token
    with pytest.raises(PermissionRefused):
        tokens.make(by=by, **token_values(name="another"))
    with pytest.raises(PermissionRefused):
        tokens.revoke(ci.token.pk, by=by)


def test_a_name_is_of_one_token_and_looks_like_no_persons(ci: Caller, carol: Actor, requester: User) -> None:
    for name in ("github-acme", "a1ice", "worker"):
        with pytest.raises(NameRefused):
            tokens.make(by=carol, **token_values(name=name))


# When it is refused


def test_a_revoked_token_is_refused_at_once_and_not_revoked_twice(ci: Caller, carol: Actor) -> None:
    assert ci.token
    acting_by(ci)
    tokens.revoke(ci.token.pk, by=carol)
    with pytest.raises(TokenRefused) as refusal:
        acting_by(ci)
    assert str(refusal.value) == "The token github-acme was revoked."
    with pytest.raises(AlreadyDecided):
        tokens.revoke(ci.token.pk, by=carol)


def test_an_expired_token_is_refused(ci: Caller) -> None:
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(TokenRefused):
        acting_by(ci)


def test_a_token_is_worth_no_more_than_its_account(make_token: MakeToken, requester: User) -> None:
    caller = make_token(account=requester)
    requester.is_active = False
    requester.save()
    with pytest.raises(TokenRefused):
        acting_by(caller)


def _deactivate(person: User, by: Actor) -> None:
    people.change(person.pk, by=by, full_name="", email="", role=Role.REQUESTER, active=False, superuser=False)


def test_whoever_is_deactivated_leaves_no_token_that_they_have_seen(
    make_token: MakeToken, two_files: Project, carol: Actor, superuser: User, requester: User, bob: Actor
) -> None:
    made, in_their_name = make_token(), make_token(name="of-alice", account=requester)
    change_request = workflow.open_request(two_files, acting_by(made))
    run = workflow.start_on_staging(two_files, acting_by(made))
    _deactivate(requester, carol)
    assert [token.name for token in ApiToken.objects.exclude(revoked_at=None)] == ["of-alice"]
    _deactivate(carol.person, actors.person(superuser))
    for caller in (made, in_their_name):
        with pytest.raises(TokenRefused):
            acting_by(caller)
    events = AuditEvent.objects.filter(kind=Event.TOKEN_REVOKED).order_by("pk")
    assert [(event.actor, event.data["token"]) for event in events] == [
        ("carol", "of-alice"),
        (superuser.get_username(), "github-acme"),
    ]
    with pytest.raises(TokenGone):
        workflow.approve(change_request, bob)
    execution.execute(run.pk)
    run.refresh_from_db()
    assert (run.failure or {})["code"] == TokenGone.code


def test_coming_back_brings_no_token_back(make_token: MakeToken, carol: Actor, requester: User) -> None:
    caller = make_token(account=requester)
    _deactivate(requester, carol)
    people.change(requester.pk, by=carol, full_name="", email="", role=Role.REQUESTER, active=True, superuser=False)
    with pytest.raises(TokenRefused):
        acting_by(caller)


def test_a_maker_who_was_deactivated_in_a_shell_leaves_none_either(ci: Caller, carol: Actor) -> None:
    with shell.watched(Actor(name="a shell")):
        carol.person.is_active = False
        carol.person.save()
    token = ApiToken.objects.get()
    assert token.revoked_at is not None
    assert token.revoked_by is None
    with pytest.raises(TokenRefused):
        acting_by(ci)


def test_a_maker_who_was_deactivated_by_a_statement_leaves_a_token_that_opens_nothing(ci: Caller, carol: Actor) -> None:
    User.objects.filter(pk=carol.person.pk).update(is_active=False)
    with pytest.raises(TokenRefused):
        acting_by(ci)


def test_a_refused_token_stands_in_the_audit_log_once_a_quarter_of_an_hour(ci: Caller, carol: Actor) -> None:
    assert ci.token
    tokens.revoke(ci.token.pk, by=carol)
    for _ in range(3):
        with pytest.raises(TokenRefused):
            acting_by(ci)
    (event,) = AuditEvent.objects.filter(kind=Event.TOKEN_REFUSED)
    assert event.source_ip == "192.0.2.9"


def test_one_token_is_used_so_often_in_a_minute(ci: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CALLS", 2)
    acting_by(ci), acting_by(ci)
    with pytest.raises(TooMany) as refusal:
        acting_by(ci)
    assert refusal.value.facts["retry_after"] == 60


def test_when_and_from_where_it_was_used_last_is_kept(ci: Caller) -> None:
    acting_by(ci)
    token = ApiToken.objects.get()
    assert token.last_used_at is not None
    assert token.last_used_from == "192.0.2.9"


# What it may


def test_what_a_token_does_is_written_down_with_its_name(ci: Caller, two_files: Project) -> None:
    run = workflow.start_on_staging(two_files, acting_by(ci))
    event = AuditEvent.objects.get(kind=Event.RUN_QUEUED)
    assert (event.actor, event.data["by_token"], run.token) == ("github-acme", "github-acme", ci.token)


def test_a_token_does_only_what_its_scopes_and_environments_allow(make_token: MakeToken, two_files: Project) -> None:
    reads = acting_by(make_token(name="reads", scopes=[Scope.READ]))
    elsewhere = acting_by(make_token(name="elsewhere", slugs=["production"]))
    for by in (reads, elsewhere):
        with pytest.raises(ScopeMissing):
            workflow.start_on_staging(two_files, by)
    with pytest.raises(ScopeMissing):
        workflow.open_request(two_files, reads)


def test_no_token_decides_whoever_it_acts_for(
    make_token: MakeToken, two_files: Project, alice: Actor, approver: User, admin: User
) -> None:
    change_request = workflow.open_request(two_files, alice)
    for name, account in (("of-approver", approver), ("of-admin", admin)):
        by = acting_by(make_token(name=name, account=account))
        with pytest.raises(NotForTokens):
            workflow.approve(change_request, by)
        with pytest.raises(NotForTokens):
            approvals.reject(change_request.pk, by=by, digest=change_request.digest, reason="No")
        with pytest.raises(NotForTokens):
            permissions.check_can_manage_people(by)
        with pytest.raises(NotForTokens):
            permissions.check_can_manage_tokens(by)
        with pytest.raises(NotForTokens):
            permissions.check_can_break_glass(by, two_files.production)
    assert ChangeRequest.objects.get().status == ChangeRequest.Status.OPEN


def test_who_made_the_token_does_not_approve_what_was_asked_for_with_it(
    ci: Caller, two_files: Project, carol: Actor, bob: Actor
) -> None:
    """Carol has seen the token, so she could have asked with it: that would be one person."""
    change_request = workflow.open_request(two_files, acting_by(ci))
    with pytest.raises(OwnToken):
        workflow.approve(change_request, carol)
    assert workflow.approve(change_request, bob).status == ChangeRequest.Status.APPROVED


def test_nor_does_an_account_that_the_maker_of_the_token_had_in_hand(
    ci: Caller, two_files: Project, carol: Actor
) -> None:
    newcomer, link = links.invite(by=carol, username="nora", role=Role.APPROVER)
    links.use(link, password="nightfall under a canvas")
    change_request = workflow.open_request(two_files, acting_by(ci))
    with pytest.raises(ApproverTouched):
        workflow.approve(change_request, actors.person(newcomer))


def test_a_queued_run_of_a_token_that_was_revoked_is_not_executed(ci: Caller, two_files: Project, carol: Actor) -> None:
    assert ci.token
    run = workflow.start_on_staging(two_files, acting_by(ci))
    tokens.revoke(ci.token.pk, by=carol)
    execution.execute(run.pk)
    run.refresh_from_db()
    assert (run.status, (run.failure or {})["code"]) == (Run.Status.FAILED, TokenGone.code)
    assert workflow.tables(two_files, two_files.staging) == []


def test_what_was_asked_for_with_a_revoked_token_is_not_approved_and_not_run(
    ci: Caller, two_files: Project, carol: Actor, bob: Actor, alice: Actor
) -> None:
    assert ci.token
    waits = workflow.open_request(two_files, acting_by(ci))
    approved = workflow.approve(workflow.open_request(two_files, acting_by(ci)), bob)
    tokens.revoke(ci.token.pk, by=carol)
    with pytest.raises(TokenGone):
        workflow.approve(waits, bob)
    with pytest.raises(TokenGone):
        workflow.start_on_production(approved, alice)
    assert approvals.live(approved.plan) is None


def test_one_token_has_so_much_run_in_an_hour_on_one_environment(
    ci: Caller, two_files: Project, settings: SettingsWrapper
) -> None:
    settings.TOKEN_DEEDS_AN_HOUR = 2
    by = acting_by(ci)
    for upto in ("001", None):
        workflow.execute(workflow.start_on_staging(two_files, by, upto))
    two_files.write(_003_more="CREATE TABLE more (id int);")
    with pytest.raises(TooMany) as refusal:
        workflow.start_on_staging(two_files, by)
    assert 3500 < refusal.value.facts["retry_after"] <= 3601
    workflow.open_request(two_files, by)  # another environment
    Run.objects.update(queued_at=timezone.now() - timedelta(minutes=61))
    workflow.start_on_staging(two_files, by)


def test_the_run_of_what_a_token_asked_for_counts_as_one_with_the_request(
    ci: Caller, two_files: Project, bob: Actor, settings: SettingsWrapper
) -> None:
    settings.TOKEN_DEEDS_AN_HOUR = 1
    by = acting_by(ci)
    approved = workflow.approve(workflow.open_request(two_files, by), bob)
    workflow.start_on_production(approved, by)
    with pytest.raises(EngineError):
        workflow.open_request(two_files, by)


# The one of the variable


def test_the_secret_of_the_variable_is_a_token_with_declared_scopes(
    settings: SettingsWrapper, two_files: Project
) -> None:
    settings.MIGRATION_SECRET = declared.load({declared.VARIABLE: VARIABLE})
    by = callers.authenticate(VARIABLE, source_ip=None)
    assert by.name == token_declarations.OF_VARIABLE
    assert by.token
    assert by.token.scopes == ["migrations:read", "requests:open", "runs:start"]
    assert by.token.environments == ["production", "staging"]
    assert VARIABLE not in str(ApiToken.objects.values().get())
    narrow = {
        declared.VARIABLE: VARIABLE,
        declared.SCOPES_VARIABLE: Scope.READ,
        declared.ENVIRONMENTS_VARIABLE: "staging",
    }
    settings.MIGRATION_SECRET = declared.load(narrow)
    again = callers.authenticate(VARIABLE, source_ip=None)
    assert again.token
    assert (again.token.pk, again.token.scopes, again.token.environments) == (by.token.pk, [Scope.READ], ["staging"])


def test_the_secret_of_the_variable_is_revoked_as_any_token_and_another_one_holds(
    settings: SettingsWrapper, two_files: Project, carol: Actor
) -> None:
    settings.MIGRATION_SECRET = declared.load({declared.VARIABLE: VARIABLE})
    by = callers.authenticate(VARIABLE, source_ip=None)
    assert by.token
    tokens.revoke(by.token.pk, by=carol)
    with pytest.raises(TokenRefused):
        callers.authenticate(VARIABLE, source_ip=None)
    settings.MIGRATION_SECRET = declared.load({declared.VARIABLE: VARIABLE[::-1] + "t"})
    assert callers.authenticate(VARIABLE + "t", source_ip=None).person == by.person


def _declares(settings: SettingsWrapper, secret: str, **more: str) -> None:
    settings.MIGRATION_SECRET = declared.load({declared.VARIABLE: secret, **more})


#: What an administrator does with a secret that leaked, or that is to do less.
LESS: dict[str, dict[str, str]] = {
    "removed": {},
    "rotated": {declared.VARIABLE: "n" * 40},
    "scopes": {declared.VARIABLE: VARIABLE, declared.SCOPES_VARIABLE: Scope.READ},
    "elsewhere": {declared.VARIABLE: VARIABLE, declared.ENVIRONMENTS_VARIABLE: "nowhere"},
}
by_less = pytest.mark.parametrize("variables", LESS.values(), ids=LESS)


@by_less
def test_a_queued_run_of_the_variable_is_held_by_the_settings_of_now(
    settings: SettingsWrapper, two_files: Project, variables: dict[str, str]
) -> None:
    _declares(settings, VARIABLE)
    run = workflow.start_on_staging(two_files, callers.authenticate(VARIABLE, source_ip=None))
    settings.MIGRATION_SECRET = declared.load(variables)
    execution.execute(run.pk)
    run.refresh_from_db()
    assert (run.status, (run.failure or {})["code"]) == (Run.Status.FAILED, TokenGone.code)
    assert workflow.tables(two_files, two_files.staging) == []


@by_less
def test_a_request_of_the_variable_is_held_by_the_settings_of_now(
    settings: SettingsWrapper, two_files: Project, bob: Actor, alice: Actor, variables: dict[str, str]
) -> None:
    _declares(settings, VARIABLE)
    by = callers.authenticate(VARIABLE, source_ip=None)
    change_request = workflow.open_request(two_files, by)
    settings.MIGRATION_SECRET = declared.load(variables)
    with pytest.raises(TokenGone):
        workflow.approve(change_request, bob)
    _declares(settings, VARIABLE)
    approved = workflow.approve(change_request, bob)
    settings.MIGRATION_SECRET = declared.load(variables)
    with pytest.raises(TokenGone):
        workflow.start_on_production(approved, alice)


def test_a_run_of_the_variable_that_may_still_be_is_executed(settings: SettingsWrapper, two_files: Project) -> None:
    _declares(settings, VARIABLE)
    run = workflow.start_on_staging(two_files, callers.authenticate(VARIABLE, source_ip=None))
    assert workflow.execute(run).status == Run.Status.SUCCEEDED


def test_a_variable_holds_no_token_that_was_made_here(
    ci: Caller, carol: Actor, settings: SettingsWrapper, two_files: Project
) -> None:
    assert ci.token
    with pytest.raises(Misconfigured) as refusal:
        _declares(settings, ci.text)
    assert ci.text not in str(refusal.value)
    tokens.revoke(ci.token.pk, by=carol)
    settings.MIGRATION_SECRET = declared.VariableToken(secret=ci.text, scopes=declared.USUAL, environments=None)
    with pytest.raises(TokenRefused) as refused:
        acting_by(ci)
    assert str(refused.value) == "The token github-acme was revoked."


def test_a_person_called_as_the_account_of_the_variable_stays_a_person(
    settings: SettingsWrapper, two_files: Project, make_user: Callable[..., User]
) -> None:
    person = make_user(token_declarations.OF_VARIABLE, "requester")
    _declares(settings, VARIABLE)
    by = callers.authenticate(VARIABLE, source_ip=None)
    assert by.person != person
    assert MachineAccount.objects.filter(account=by.person).exists()


@pytest.mark.parametrize(
    "variables",
    [
        {declared.VARIABLE: "short-c4n4ry"},
        {declared.VARIABLE: VARIABLE, declared.SCOPES_VARIABLE: "runs:start, everything"},
    ],
    ids=["short", "no such scope"],
)
def test_a_secret_that_could_be_guessed_or_an_unknown_scope_stops_the_start(variables: dict[str, str]) -> None:
    with pytest.raises(Misconfigured) as refusal:
        declared.load(variables)
    assert variables[declared.VARIABLE] not in str(refusal.value)


def test_without_the_variable_there_is_no_such_token() -> None:
    assert declared.load({declared.VARIABLE: " "}) is None


def test_a_plan_that_was_approved_for_a_machine_is_started_by_it(ci: Caller, two_files: Project, bob: Actor) -> None:
    by = acting_by(ci)
    workflow.approve(workflow.open_request(two_files, by), bob)
    run = runs.start(
        plans.apply(two_files.production), environment=two_files.production, by=by, typed_name="production"
    )
    assert workflow.execute(run).status == Run.Status.SUCCEEDED

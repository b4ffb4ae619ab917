"""Secrets are planted in every place that holds one, things are made to fail, and nothing that Signalbox says, keeps or
starts may hold one of them. The suite is shown to fail on leaks that are planted."""

from __future__ import annotations

import base64
import itertools
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import environ
import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from psycopg.conninfo import conninfo_to_dict

from config import environments as declarations
from config import providers, secret_variables
from config import tokens as declared
from config.environments import Environment, Requirement
from config.git_sources import GitDeclaration
from config.sources import Source
from dashboard.engine.database.connection import Address
from dashboard.services import approvals, audit, drift, execution, links, observations, plans, rehearsals, runs, tokens
from dashboard.services.actors import Actor
from tests.faults import canaries
from tests.faults.canaries import Net
from tests.fix_faults import Size, Tally, size
from tests.fix_git import QuietHandler, serving
from tests.fix_mail import USER, OpenOffice, PostOffice, mails_through
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.fix_tokens import Caller, token_values
from tests.malformed_urls import SHAPES
from tests.services.workflow import confirmed

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from pytest_django.fixtures import SettingsWrapper

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
]

PART = "secret canaries"
ROOT = Path(__file__).parents[2]
#: The text of a migration is what approvers read: what it holds is in listings, in plans and in the history there.
OF_THE_SCRIPT = (
    r"page |answer to /api/v1/(runs|audit)$|command plan .*--(sql|json)|"
    r"rows of (dashboard_(changerequest|run|rehearsal|request)|schema_migrations) "
)

VERBS = [
    ("status",),
    ("status", "--json"),
    ("doctor",),
    ("doctor", "--json"),
    ("plan",),
    ("plan", "--json"),
    ("plan", "--sql"),
    ("lint",),
    ("lint", "--json"),
    ("audit", "verify"),
    ("audit", "head"),
]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A project whose every secret is a canary."""

    net: Net
    project: Project
    settings: SettingsWrapper
    office: PostOffice

    def point(self, environment: Environment, **changes: str) -> Environment:
        changed = replace(environment, **changes)
        self.settings.ENVIRONMENTS = tuple(
            changed if each.slug == changed.slug else each for each in self.settings.ENVIRONMENTS
        )
        return changed

    def url(self, slug: str, **changes: str) -> str:
        """Of the target there, with another part."""
        parts = {**conninfo_to_dict(self.project.databases[slug].url), **changes}
        return "postgresql://{user}:{password}@{host}:{port}/{dbname}".format(**parts)


@pytest.fixture
def scene(
    project: Project, settings: SettingsWrapper, open_office: OpenOffice, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scene]:
    net = Net()
    net.plant("password of the control database", connection.settings_dict["PASSWORD"])
    settings.SECRET_KEY = net.plant("secret key") * 3
    settings.AUDIT_KEYS = (net.plant("key of the audit log") * 3,)
    settings.MIGRATION_SECRET = declared.load({declared.VARIABLE: net.plant("secret of the variable of machines") * 2})
    provider = {"SIGNALBOX_OIDC_CLIENT_ID": "signalbox", "SIGNALBOX_OIDC_SECRET": net.plant("secret of the provider")}
    with monkeypatch.context() as variables:
        variables.setattr(environ.Env, "ENVIRON", {**provider, "SIGNALBOX_OIDC_URL": "https://nowhere.invalid"})
        settings.SOCIALACCOUNT_PROVIDERS = providers.load(environ.Env())
    settings.SOURCES = tuple(_sources(net))
    password = net.plant("password of the mail server")
    office = open_office(signs_in=password)
    mails_through(settings, office.port, scheme="smtp+plain", user=f"{USER}:{password}")
    made = Scene(net=net, project=project, settings=settings, office=office)
    roles = {slug: f"canary_{slug}" for slug in project.databases}
    for slug, role in roles.items():
        # pg_dump takes it from its environment, and from nowhere else.
        password = net.plant(f"password of {slug}", at_home="environment of pg_dump$")
        project.databases["staging"].query(f"DROP ROLE IF EXISTS {role}")
        project.databases["staging"].query(f"CREATE ROLE {role} SUPERUSER LOGIN PASSWORD '{password}'")
        environment = getattr(project, slug)
        reader = net.plant(f"password of the reader of {slug}")
        project.databases["staging"].query(f"DROP ROLE IF EXISTS {role}_read")
        project.databases["staging"].query(f"CREATE ROLE {role}_read LOGIN PASSWORD '{reader}'")
        made.point(
            environment,
            url=made.url(slug, user=role, password=password),
            read_url=made.url(slug, user=f"{role}_read", password=reader),
        )
    yield made
    for slug, role in roles.items():
        project.databases[slug].query(f"REASSIGN OWNED BY {role} TO postgres; DROP OWNED BY {role}")
    for role in roles.values():
        project.databases["staging"].query(f"DROP ROLE {role}; DROP ROLE {role}_read")


class TellsAll(QuietHandler):
    """A git server that answers with whatever it was sent."""

    def do_GET(self) -> None:
        scheme, _, given = self.headers.get("Authorization", "").partition(" ")
        with suppress(ValueError):
            given += " " + base64.b64decode(given).decode(errors="replace")
        body = f"you sent {scheme} {given}".encode()
        self.send_response(HTTPStatus.FORBIDDEN, f"refused {given}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _sources(net: Net) -> Iterator[Source]:
    """Repositories with all that can open one; neither can be fetched."""
    hook = net.plant("secret of a webhook")
    token = net.plant("git token")
    key = net.plant("deploy key")
    yield Source(
        name="token",
        folder=Path("token"),
        git=GitDeclaration(url="http://127.0.0.1:1/token.git", token=token, webhook_secret=hook),
    )
    armoured = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{key}\n-----END OPENSSH PRIVATE KEY-----\n"
    yield Source(
        name="key",
        folder=Path("key"),
        git=GitDeclaration(url="ssh://git@127.0.0.1:1/key.git", key=armoured, known_hosts="127.0.0.1 ssh-ed25519 AAAA"),
    )


@pytest.fixture
def environment_now(scene: Scene) -> Callable[[str], Environment]:
    return lambda slug: next(each for each in scene.settings.ENVIRONMENTS if each.slug == slug)


def test_no_canary_gets_out(
    scene: Scene,
    environment_now: Callable[[str], Environment],
    viewer: User,
    requester: User,
    approver: User,
    admin: User,
    acting: Callable[[User], Actor],
    client_of: ClientOf,
    send_due: Callable[[], int],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    tally: Tally,
) -> None:
    caplog.set_level(logging.DEBUG)
    for person in (viewer, requester, approver, admin):
        person.email = f"{person}@example.com"
        person.save()
    failures = 0
    with canaries.watching_processes(scene.net):
        _work(scene, environment_now, acting(requester), acting(approver))
        failures += _call_from_machines(scene, acting(admin))
        failures += _fail_at_the_door(scene)
        failures += _fail_to_fetch(scene, capfd)
        failures += _fail_to_rehearse_elsewhere(scene, environment_now, acting(requester))
        for person in (viewer, approver):
            _add_second_factor(scene, person, client_of(person))
        _tell_everybody(scene, acting(admin), send_due)
        for url in _broken_urls(scene):
            failures += _fail_with(scene, environment_now, url, client_of(approver), capfd)
        _say_everything(scene, capfd)
        scene.settings.SERVES_PAGES = True
        people = (viewer, requester, approver, admin)
        pages = sum(_see_everything(scene, client_of(person), person) for person in people)
    _read_what_is_kept(scene)
    scene.net.read("log", caplog.text + "".join(record.getMessage() for record in caplog.records))
    captured = capfd.readouterr()
    scene.net.read("stdout and stderr", captured.out + captured.err)
    tally.part = PART
    tally.add(planted=len(scene.net.planted), outputs=scene.net.outputs, pages=pages, failures=failures)
    tally.add(kilobytes=scene.net.scanned // 1000, leaks=len(scene.net.leaks))
    assert failures >= 40
    assert sorted(map(str, scene.net.leaks)) == []


def _work(scene: Scene, now: Callable[[str], Environment], alice: Actor, bob: Actor) -> None:
    """What everybody does every day, and what fails then: with literals that are secrets in the scripts."""
    login = scene.net.plant("password in a script", at_home=OF_THE_SCRIPT)
    scene.project.write(
        _001_users="CREATE TABLE users (id int PRIMARY KEY);",
        _001_rollback="DROP TABLE users;",
        _002_login=f"CREATE TABLE logins ();\nALTER ROLE nobody_of_that_name PASSWORD '{login}';",
        _002_rollback="DROP TABLE logins;",
    )
    staging, production = now("staging"), now("production")
    for environment in (staging, production):
        observations.refresh(environment)
        drift.check(environment, by=alice)
    plan = plans.apply(staging)
    run = runs.start(plan, environment=staging, by=alice, confirmation=confirmed(plan, staging))
    execution.execute(run.pk)
    demanding = scene.point(production, require=(Requirement.REHEARSAL,))
    request = approvals.open_request(plans.apply(demanding, upto="001"), environment=demanding, by=alice, reason="x")
    rehearsals.work()
    approvals.approve(request.pk, by=bob, digest=request.digest)
    request.refresh_from_db()
    approved = runs.start_approved(request, by=alice, typed_name="production")
    execution.execute(approved.pk)
    asked = rehearsals.ask(plans.apply(production), environment=production, by=alice)
    rehearsals.work()
    asked.refresh_from_db()
    assert asked.finished_at


def _fail_at_the_door(scene: Scene) -> int:
    for attempt in ("right name", "wrong name"):
        typed = scene.net.plant(f"password typed with the {attempt}")
        answer = Client().post("/sign-in/", {"login": "alice" if attempt == "right name" else "x", "password": typed})
        scene.net.read(f"page /sign-in/ after the {attempt}", answer.content)
    at_provider = Client(raise_request_exception=False).post("/sign-in/with/oidc/", follow=True)
    assert at_provider.status_code == HTTPStatus.OK
    scene.net.read("page of a provider that does not answer", at_provider.content)
    return 3


def _call_from_machines(scene: Scene, carol: Actor) -> int:
    """With a token that was made, with what the variable holds, and with one that is not known."""
    text = tokens.make(by=carol, **token_values())[1]
    scene.net.plant("token of a machine", text)
    secret = scene.net.planted["secret of the variable of machines"] * 2
    mistyped = scene.net.plant("token that is not known")
    failures = 0
    for shown in (text, secret, mistyped):
        caller = Caller(client=Client(), text=shown)
        for slug in ("staging", "production", "nowhere"):
            answers = (
                caller.get(f"/status?environment={slug}"),
                caller.post(f"/migrate?environment={slug}", {"reason": "x"}),
                caller.post(f"/rollback?environment={slug}", {"version": "002"}),
                caller.get(f"/api/v1/environments/{slug}"),
                caller.get("/api/v1/runs"),
                caller.get("/api/v1/audit"),
            )
            for answer in answers:
                scene.net.read(f"answer to {answer.request['PATH_INFO']}", answer.content)
            failures += sum(answer.status_code >= HTTPStatus.BAD_REQUEST for answer in answers)
    return failures


def _fail_to_fetch(scene: Scene, capfd: pytest.CaptureFixture[str]) -> int:
    """From a server that is not there, with a key that is none, and from one that says the token back; and webhooks
    that nobody signed, and one that somebody did."""
    secret = scene.net.planted["secret of a webhook"]
    _command(scene, capfd, "fetch")
    _command(scene, capfd, "fetch", "--json")
    with serving(TellsAll) as url:
        first, second = scene.settings.SOURCES
        assert first.git
        scene.settings.SOURCES = (replace(first, git=replace(first.git, url=f"{url}/token.git")), second)
        _command(scene, capfd, "fetch", "token")
    for given in ({"X-Gitlab-Token": "wrong"}, {"X-Hub-Signature-256": "sha256=00"}, {"X-Gitlab-Token": secret}):
        answer = Client().post("/hooks/token", b"{}", content_type="application/json", headers=given)
        scene.net.read(f"answer to a webhook with {min(given)}", f"{answer.items()}".encode() + answer.content)
    return 7


def _fail_to_rehearse_elsewhere(scene: Scene, now: Callable[[str], Environment], alice: Actor) -> int:
    """On a server whose URL is right and on which nothing may be made, and on one that nobody lets in."""
    staging = now("staging")
    password = scene.net.plant("password of the rehearsal server")
    for url in (staging.url, scene.url("staging", user="nobody", password=password)):
        scene.settings.REHEARSAL_URL = url
        asked = rehearsals.ask(plans.apply(now("production")), environment=now("production"), by=alice)
        rehearsals.work()
        asked.refresh_from_db()
        assert asked.failure
    scene.settings.REHEARSAL_URL = ""
    return 2


def _add_second_factor(scene: Scene, person: User, client: Client) -> None:
    """Its seed is shown once, before this; its recovery codes on the page that is for that."""
    from allauth.mfa.models import Authenticator
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

    seed = generate_totp_secret()
    scene.net.plant(f"seed of the codes of {person}", seed)
    TOTP.activate(person, seed)
    RecoveryCodes.activate(person)
    codes = Authenticator.objects.get(user=person, type="recovery_codes").wrap().get_unused_codes()
    for number, code in enumerate(codes):
        scene.net.plant(
            f"recovery code {number} of {person}", code, at_home=rf"page /account/codes/ for session of {person}$"
        )
    scene.net.read(f"page /account/codes/ for session of {person}", client.get("/account/codes/").content)
    scene.net.read("page of who mistyped a code", client.post("/sign-in/second-factor/", {"code": "0"}).content)


def _tell_everybody(scene: Scene, carol: Actor, send_due: Callable[[], int]) -> None:
    """A mail may hold the token of a link, which is at home there and nowhere else; and nothing that people typed."""
    links.make_for(carol.person, by=carol, by_mail=True)
    assert send_due() >= 4
    (token,) = set(re.findall(r"/join/([\w-]+)/", scene.office.everything()))
    scene.net.plant("token of a link by mail", token, at_home="mails")
    scene.net.plant("token of a link that an administrator gives", links.make_for(carol.person, by=carol))
    scene.net.read("mails", scene.office.everything())


def _broken_urls(scene: Scene) -> Iterator[tuple[str, str]]:
    """What is wrong, and the URL; the passwords are planted."""
    for name, shape in SHAPES.items():
        halves = {half: scene.net.plant(f"{half} of {name}") for half in ("a", "b")}
        yield name, shape.format(**halves)
    wrong = scene.net.plant("wrong password")
    yield "wrong password", scene.url("staging", password=wrong)
    yield "nobody listens", scene.url("staging", password=scene.net.plant("silent"), port="1")
    yield "no such database", scene.url("staging", dbname="gone")
    yield "no such host", scene.url("staging", password=scene.net.plant("nowhere"), host="nowhere.invalid")
    yield "no TLS there", scene.url("staging") + "?sslmode=verify-full"
    yield "two hosts", scene.url("staging", password=scene.net.plant("of two"), host="127.0.0.1:1,127.0.0.1", port="2")


def _fail_with(
    scene: Scene,
    now: Callable[[str], Environment],
    broken: tuple[str, str],
    client: Client,
    capfd: pytest.CaptureFixture[str],
) -> int:
    """As it would be given: read from a variable; and past that, handed to the engine as it is."""
    name, url = broken
    good = now("staging")
    *_, read = declarations.load(Path("/nowhere/environments.toml"), {"DATABASE_URL": url, "DATABASE_URL_READ": url})
    as_given = {"url": read.url, "fault": read.fault, "read_url": read.read_url, "read_fault": read.read_fault}
    for changes in (as_given, {"url": url, "read_url": url}, {"read_url": url}):
        environment = scene.point(good, **changes)
        scene.settings.SERVES_PAGES = changes.keys() == {"read_url"}
        observations.refresh(environment)
        for path in ("", "apply/", "connection/", "drift/"):
            answer = client.get(f"/environments/staging/{path}")
            scene.net.read(f"page /environments/staging/{path} with {name}", answer.content)
        for verb in ("status", "doctor", "plan"):
            _command(scene, capfd, verb, "--env", "staging")
    scene.point(good)
    scene.settings.SERVES_PAGES = False
    return 3


def _say_everything(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    for words in VERBS:
        _command(scene, capfd, *words)


def _command(scene: Scene, capfd: pytest.CaptureFixture[str], *words: str) -> None:
    capfd.readouterr()
    with suppress(SystemExit):
        call_command("signalbox", *words)
    captured = capfd.readouterr()
    scene.net.read(f"command {' '.join(words)}", captured.out + captured.err)


def _see_everything(scene: Scene, client: Client, person: User) -> int:
    """Every page that a link leads to, as one person; the cookie of the session is a secret too."""
    cookie = client.cookies[scene.settings.SESSION_COOKIE_NAME].value
    name = f"session of {person}"
    scene.net.plant(name, cookie, at_home="rows of django_session ")
    return canaries.crawl(client, scene.net, name)


def _read_what_is_kept(scene: Scene) -> None:
    connection.ensure_connection()
    canaries.rows(connection.connection, scene.net, schema=scene.settings.CONTROL_SCHEMA, of="control")
    for slug, database in scene.project.databases.items():
        with database.connect() as opened:
            canaries.rows(opened, scene.net, schema="platform", of=slug)


# Before there is anything that could answer


@pytest.mark.parametrize("start", [("manage.py", "check"), ("-c", "import config.wsgi")], ids=["command", "web"])
def test_no_start_quotes_a_broken_url(start: tuple[str, ...], tally: Tally) -> None:
    net = Net()
    key = net.plant("secret key") * 3
    for shape, variable in _broken_starts():
        halves = {half: net.plant(f"{half} of {shape} in {variable}") for half in ("a", "b")}
        environment = os.environ | {variable: shape.format(**halves), "SIGNALBOX_SECRET_KEY": key}
        command = [sys.executable, "-W", "always", *start]
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
        net.read(f"{start} with {shape}", done.stdout + done.stderr)
        assert done.returncode != 0
        assert f"The URL in {variable} " in done.stderr
    tally.part = PART
    tally.add(planted=len(net.planted), outputs=net.outputs, failures=net.outputs, leaks=len(net.leaks))
    assert sorted(map(str, net.leaks)) == []


def _broken_starts() -> list[tuple[str, str]]:
    """A shape and the variable that has it: in turn, and with the full size each with each."""
    variables = ("SIGNALBOX_DATABASE_URL", "SIGNALBOX_REHEARSAL_URL")
    in_turn = list(zip(SHAPES.values(), itertools.cycle(variables), strict=False))
    match size():
        case Size.SMALL:
            return in_turn[:2]
        case Size.CI:
            return in_turn
    return list(itertools.product(SHAPES.values(), variables))


# The net catches what it is for


def test_a_page_that_shows_the_url_is_caught(
    scene: Scene, requester: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Address, "shown", property(lambda address: address.url))
    canaries.crawl(client_of(requester), scene.net, "alice")
    assert {leak.secret for leak in scene.net.leaks} >= {"password of staging", "password of production"}
    assert any(leak.where.startswith("page /environments/staging/") for leak in scene.net.leaks)


def test_a_row_that_holds_one_is_caught(scene: Scene, alice: Actor) -> None:
    secret = scene.net.planted["password of staging"]
    audit.record(audit.Event.SIGNED_IN, by=alice, note=f"signed in with {secret}")
    _read_what_is_kept(scene)
    assert set(map(str, scene.net.leaks)) == {"password of staging in rows of dashboard_auditevent of control"}


def test_an_environment_that_holds_one_is_caught(scene: Scene) -> None:
    given = {"PASSED_ON": scene.net.planted["git token"]}
    with canaries.watching_processes(scene.net):
        subprocess.run(["sleep", "1"], env=given, check=True)
    assert set(map(str, scene.net.leaks)) == {"git token in environment of sleep"}


def test_what_is_planted_is_every_kind_of_secret_that_there_is(scene: Scene) -> None:
    """One for each variable that carries a secret, but for those that only bring in or make what others use."""
    kinds = {
        "SIGNALBOX_DATABASE_URL": "password of the control database",
        "DATABASE_URL": "password of production",
        "SIGNALBOX_SECRET_KEY": "secret key",
        "SIGNALBOX_AUDIT_KEY": "key of the audit log",
        "SIGNALBOX_EMAIL_URL": "password of the mail server",
        "MIGRATION_SECRET": "secret of the variable of machines",
        "SIGNALBOX_OIDC_SECRET": "secret of the provider",
    }
    later = {"SIGNALBOX_REHEARSAL_URL"}  # planted while it is used
    alike = {"SIGNALBOX_GOOGLE_SECRET", "SIGNALBOX_GITHUB_SECRET"}  # go the way of any provider's
    #: Of migrate, of former keys, and of the program that calls a server.
    elsewhere = {"SIGNALBOX_DATABASE_OWNER_URL", "SIGNALBOX_SECRET_KEY_FALLBACKS", "SIGNALBOX_TOKEN"}
    assert set(kinds) | later | alike | elsewhere == secret_variables.OF_SIGNALBOX
    assert set(kinds.values()) <= set(scene.net.planted)
    assert {"git token", "deploy key", "secret of a webhook"} <= set(scene.net.planted)


def test_a_command_line_that_holds_one_is_caught(scene: Scene) -> None:
    secret = scene.net.planted["password of staging"]
    with canaries.watching_processes(scene.net):
        subprocess.run([sys.executable, "-c", "import time; time.sleep(1)", secret], check=True, env={})
    assert set(map(str, scene.net.leaks)) == {"password of staging in command lines"}


@pytest.mark.parametrize("written", ["{}", "<b>{}</b>", "Basic {}"])
def test_a_secret_is_known_again_however_it_is_written(written: str) -> None:
    net = Net()
    secret = net.plant("it", "p/w &<")
    forms = list(canaries._forms(secret))
    for form in forms:
        net.read(form, written.format(form))
    assert len(net.leaks) == len(set(forms))

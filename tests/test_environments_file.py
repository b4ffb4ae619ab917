"""config/environments.toml: what a declaration may say, and what it means where it says nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from config import calendars, control_database, environments
from config.environments import Environment, Requirement
from config.errors import Misconfigured
from config.roles import Role
from dashboard.engine.database.transport import Transport
from dashboard.engine.plan import OutOfOrder
from tests.malformed_urls import SHAPES

EVERYTHING = 'require = ["rehearsal", "lint", "reversible", "previous"]'


def declared(folder: Path, text: str) -> Environment:
    path = folder / "environments.toml"
    path.write_text(f'[environments.production]\nurl = "DATABASE_URL"\n{text}\n', encoding="utf-8")
    return environments.load(path, {})[0]


def test_a_protected_environment_wants_proof_unless_it_says_otherwise(tmp_path: Path) -> None:
    assert declared(tmp_path, "protected = true").require == environments.PROTECTED_REQUIRES
    assert declared(tmp_path, "protected = true\nrequire = []").require == ()
    assert declared(tmp_path, f"protected = true\n{EVERYTHING}").require == tuple(Requirement)


def test_a_protected_environment_wants_a_safe_way_unless_it_says_otherwise(tmp_path: Path) -> None:
    assert declared(tmp_path, "").transport is Transport.ANY
    assert declared(tmp_path, "protected = true").transport is Transport.PRIVATE
    assert declared(tmp_path, 'protected = true\ntls = "any"').transport is Transport.ANY
    assert declared(tmp_path, 'tls = "verify-full"').transport is Transport.VERIFY_FULL


def test_a_demand_that_nobody_knows_is_refused_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="one of these: any, private, require, verify-full"):
        declared(tmp_path, 'tls = "yes"')


def test_a_free_environment_wants_none(tmp_path: Path) -> None:
    assert declared(tmp_path, "").require == ()


def test_without_a_file_production_is_protected_and_wants_proof(tmp_path: Path) -> None:
    *others, production = environments.load(tmp_path / "none.toml", {})
    assert production.require == environments.PROTECTED_REQUIRES
    assert all(not other.require for other in others)


@pytest.mark.parametrize("value", ['"lint"', '["linting"]', "3", "[1]"])
def test_what_nobody_can_check_is_refused_with_what_there_is(tmp_path: Path, value: str) -> None:
    with pytest.raises(Misconfigured, match="list of these: rehearsal, lint, reversible, previous"):
        declared(tmp_path, f"protected = true\nrequire = {value}")


def test_what_nobody_would_check_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="is not protected"):
        declared(tmp_path, 'require = ["lint"]')


# URLs that are wrong


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_url_that_can_be_read_in_two_ways_is_not_kept(tmp_path: Path, shape: str) -> None:
    given = {"DATABASE_URL": shape.format(a="CANARYONE", b="CANARYTWO")}
    *_, production = environments.load(tmp_path / "none.toml", given)
    assert (production.url, production.configured) == ("", False)
    assert production.absence.startswith("the URL in DATABASE_URL ")
    assert "CANARY" not in repr(production) + production.absence


def test_a_good_one_is_kept(tmp_path: Path) -> None:
    *_, production = environments.load(tmp_path / "none.toml", {"DATABASE_URL": "postgresql://u:p@h/d"})
    assert (production.url, production.fault) == ("postgresql://u:p@h/d", "")


@pytest.mark.parametrize("variable", ["SIGNALBOX_DATABASE_URL", "DATABASE_URL"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_control_database_is_refused_by_the_name_of_its_variable(variable: str, shape: str) -> None:
    with pytest.raises(Misconfigured, match=f"The URL in {variable} ") as caught:
        control_database.where({variable: shape.format(a="CANARYONE", b="CANARYTWO")})
    assert "CANARY" not in str(caught.value)
    assert caught.value.__context__ is None


def test_where_the_control_database_is() -> None:
    url = "postgresql://app:p%2Fw@[::1]:5433/box?sslmode=verify-full"
    assert control_database.where({"SIGNALBOX_DATABASE_URL": url, "DATABASE_URL": "postgresql://h/d"}) == {
        "NAME": "box",
        "USER": "app",
        "PASSWORD": "p/w",
        "HOST": "::1",
        "PORT": "5433",
        "OPTIONS": {"sslmode": "verify-full"},
    }
    assert control_database.where({})["HOST"] == "localhost"


# Approvals and time


def test_one_other_person_approves_and_the_glass_stays_whole_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    production = declared(tmp_path, "protected = true")
    assert (production.approvals, production.approver_role, production.approvers) == (1, Role.APPROVER, ())
    assert not production.loss_needs_more
    assert not production.break_glass
    assert production.calendar == calendars.ALWAYS_OPEN


def test_the_whole_policy_is_read(tmp_path: Path) -> None:
    production = declared(
        tmp_path,
        """
        protected = true
        approvals = 2
        approvals_with_loss = 3
        approver_role = "admin"
        approvers = ["bob", "carol", "dora"]
        time_zone = "Europe/Berlin"
        windows = ["Mon-Thu 09:00-17:00"]
        freezes = [{ from = 2026-12-20, until = 2027-01-03, reason = "Christmas" }]
        break_glass = true
        break_glass_role = "admin"
        break_glass_minutes = 10
        """,
    )
    assert (production.approvals, production.approvals_with_loss, production.loss_needs_more) == (2, 3, True)
    assert production.approvers == ("bob", "carol", "dora")
    assert (production.calendar.zone, production.calendar.windows[0].text) == ("Europe/Berlin", "Mon-Thu 09:00-17:00")
    assert "Christmas" in production.calendar.freezes[0].text
    assert (production.break_glass, production.break_glass_minutes) == (True, 10)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("approvals = 0", "must be a number from 1"),
        ("approvals = true", "must be a number from 1"),
        ('approvals = "2"', "must be a number from 1"),
        ("approvals = 2\napprovals_with_loss = 1", "must not be less"),
        ('approvals = 2\napprovers = ["bob"]', "nothing could ever run"),
        ('approvals = 2\napprovers = ["bob", "bob"]', "nothing could ever run"),
        ('approvers = "bob"', "list of user names"),
        ('approver_role = "viewer"', "one of these: approver, admin"),
        ('break_glass = "yes"', "true or false"),
        ("break_glass_minutes = 500", "from 1 to 120"),
        ('time_zone = "Mars/Base"', "is no time zone"),
        ('windows = ["whenever"]', "is no window"),
        ("windows = 3", "is a list such as"),
        ("freezes = [{ from = 2026-12-20 }]", "is a list such as"),
        ("freezes = [{ from = 2026-12-20, until = 2026-12-18 }]", "ends before it begins"),
        ('after = "staging"', "declared before it"),
        ('after = "production"', "declared before it"),
    ],
)
def test_a_policy_that_cannot_be_kept_is_refused_at_the_start(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(Misconfigured, match=message):
        declared(tmp_path, f"protected = true\n{text}")


@pytest.mark.parametrize("text", ["approvals = 2", 'approvers = ["bob"]', "break_glass = true"])
def test_approvals_where_nobody_approves_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(Misconfigured, match="not protected"):
        declared(tmp_path, text)


def test_the_url_that_only_reads_is_found_beside_the_other(tmp_path: Path) -> None:
    production = environments.load(tmp_path / "none.toml", {"DATABASE_URL_READ": "postgresql://reader@h/app"})[-1]
    assert production.configured
    assert (production.read_variable, production.url) == ("DATABASE_URL_READ", "")
    assert "reader" not in repr(production)


# Types, files and parts that are wrong


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('protected = "false"', "`protected` of production must be true or false"),
        ("optional = 1", "`optional` of production must be true or false"),
        ("dual_write = true", "`dual_write` of production must be a text in quotation marks"),
        ('dual_write = "flyway"', "`dual_write` of production must be one of these: dbmate"),
        ('dual_write = "dbmate:schema_migrations"', "with its table where that is another one"),
        ('lock_timeout_ms = "3s"', "`lock_timeout_ms` of production must be a whole number from 0"),
        ("approval_hours = -5", "`approval_hours` of production must be a whole number from 1"),
        ("deadline_minutes = true", "`deadline_minutes` of production must be a whole number"),
        ("name = 3", "`name` of production must be a text"),
        ('source = ""', "`source` of production must be a text"),
        ("tls = 1", "`tls` of production must be a text"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_file_and_key(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=said) as caught:
        declared(tmp_path, line)
    assert "environments.toml" in str(caught.value)


def test_a_file_that_is_named_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"SIGNALBOX_ENVIRONMENTS names .*gone.toml, and there is no such file"):
        environments.read(tmp_path / "gone.toml", {}, is_named=True)
    assert len(environments.read(tmp_path / "gone.toml", {}).environments) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[enviroments.staging]\nurl = 'A'", "unknown part enviroments"),
        ("environments = 3", "an environment is a table"),
        ("[environments]\nstaging = 'A'", "an environment is a table"),
        ("[environments.staging]\nurl = 3", "must be the NAME of an environment variable"),
        ("[environments.staging", "cannot be read"),
        ("sources = 3\n[environments.staging]\nurl = 'A'", "a source is a table"),
        ("[sources.Billing]\npath = 'x'\n[environments.staging]\nurl = 'A'", "'Billing' is not a name for a source"),
        ("[sources.billing]\n[environments.staging]\nurl = 'A'", "`path` of the source billing must be the path"),
        ("[sources.billing]\npath = 3\n[environments.staging]\nurl = 'A'", "`path` of the source billing"),
        ("[sources.billing]\npath = 'x'\nurl = 'y'\n[environments.staging]\nurl = 'A'", "unknown settings: url"),
        ("[environments.staging]\nurl = 'A'\nsource = 'billing'", "no such source is declared. Known: default"),
    ],
)
def test_a_part_that_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "environments.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Misconfigured, match=said):
        environments.load(path, {})


def test_environments_name_their_source_and_may_share_one(tmp_path: Path) -> None:
    path = tmp_path / "environments.toml"
    path.write_text(
        "[sources.billing]\npath = 'billing/sql'\n[sources.crm]\npath = '/srv/crm'\n"
        "[environments.a]\nurl = 'A'\nsource = 'billing'\n[environments.b]\nurl = 'B'\nsource = 'billing'\n"
        "[environments.c]\nurl = 'C'\n",
        encoding="utf-8",
    )
    read = environments.read(path, {}, base=Path("/opt/signalbox"))
    assert [environment.source for environment in read.environments] == ["billing", "billing", "default"]
    assert {source.name: str(source.folder) for source in read.sources} == {
        "billing": "/opt/signalbox/billing/sql",
        "crm": "/srv/crm",
    }


@pytest.mark.parametrize("order", OutOfOrder)
def test_what_becomes_of_what_comes_late_is_declared(tmp_path: Path, order: OutOfOrder) -> None:
    path = tmp_path / "environments.toml"
    path.write_text(f"[environments.a]\nurl = 'A'\nout_of_order = '{order}'\n[environments.b]\nurl = 'B'\n")
    assert [each.out_of_order for each in environments.load(path, {})] == [order, OutOfOrder.ASK]


@pytest.mark.parametrize("given", ["true", "'yes'", "['ask']"])
def test_another_word_for_it_is_refused(tmp_path: Path, given: str) -> None:
    path = tmp_path / "environments.toml"
    path.write_text(f"[environments.a]\nurl = 'A'\nout_of_order = {given}\n")
    with pytest.raises(Misconfigured, match="`out_of_order` of a must be one of these: refuse, ask, allow"):
        environments.load(path, {})

"""What a rehearsal cannot show of the target: weighed without a database."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dashboard.engine.rehearsal.doubts import NO_ROLE, NO_SUCH_VALUE, Doubt, doubt_of, of_grammar
from dashboard.engine.rehearsal.report import ObservedLock, Proof, ScriptError, ScriptRun, Verdict
from dashboard.engine.rehearsal.rights import Rights
from dashboard.engine.schema.diff import Change, Difference

RAN = ScriptRun(ok=True, ms=1.0)
OTHER_MAJOR = Doubt(reason="it ran on PostgreSQL 17, and Test is PostgreSQL 18", of_passes=True)
(OLDER,) = of_grammar(17, 18)
NO_ROLES = Doubt(reason="roles of Test are not there", sqlstates=frozenset({"42704"}))
OURS = frozenset({"platform.migration_fuse"})


def failed(sqlstate: str, origin: str = "", sentence: str = "It fails.") -> Proof:
    run = ScriptRun(ok=False, ms=1.0, error=ScriptError(sentence=sentence, sqlstate=sqlstate, origin=origin))
    return Proof(version="001", name="users", up=run)


def ran(*locks: tuple[str, str], made: tuple[Difference, ...] = ()) -> Proof:
    observed = tuple(ObservedLock(relation=name, mode=mode, statement=1, held_ms=1.0) for name, mode in locks)
    return Proof(version="001", name="users", up=replace(RAN, locks=observed), made=made)


@pytest.mark.parametrize(
    ("proof", "doubt", "expected"),
    [
        pytest.param(failed("42601"), OTHER_MAJOR, True, id="a syntax of another version"),
        pytest.param(ran(), OTHER_MAJOR, True, id="what runs on another version"),
        pytest.param(failed(""), OTHER_MAJOR, False, id="what Signalbox refuses everywhere"),
        pytest.param(failed("42704"), NO_ROLES, True, id="a role that is not there"),
        pytest.param(failed("22012"), NO_ROLES, False, id="what no role explains"),
        pytest.param(ran(), NO_ROLES, False, id="what runs without the roles"),
        pytest.param(failed("42704", "acl.c get_role_oid"), NO_ROLE, True, id="a role of a server of its own"),
        pytest.param(failed("42704", "parse_type.c typenameType"), NO_ROLE, False, id="what is no role"),
        pytest.param(failed("22023", "guc.c call_string_check_hook"), NO_SUCH_VALUE, True, id="SET ROLE"),
        pytest.param(failed("22023", "guc.c parse_and_validate_value"), NO_SUCH_VALUE, False, id="no value at all"),
        pytest.param(failed("42601", "scan.l scanner_yyerror"), OLDER, True, id="a syntax of a later one"),
        pytest.param(failed("42601", "analyze.c transformInsertRow"), OLDER, False, id="no matter of the version"),
    ],
)
def test_a_difference_that_can_decide_leaves_it_unproven(proof: Proof, doubt: Doubt, expected: bool):
    said = doubt_of(proof, [doubt])
    assert bool(said) is expected
    assert (replace(proof, doubt=said).verdict is Verdict.NOT_PROVEN) is expected


@pytest.mark.parametrize(
    ("sqlstate", "origin", "is_lack"),
    [
        ("0A000", "pg_locale.c icu_language_tag", True),
        ("0A000", "toast_compression.c CompressionNameToMethod", True),
        ("0A000", "xml.c xml_in", True),
        ("0A000", "xml.c XmlTableSetNamespace", False),
        ("0A000", "extension.c parse_extension_control_file", True),
        ("58P01", "extension.c parse_extension_control_file", True),
        ("58P01", "dfmgr.c internal_load_library", True),
        ("0A000", "tablecmds.c ATPrepAlterColumnType", False),
        ("0A000", "pl_exec.c exec_stmt_raise", False),
    ],
)
def test_what_the_rehearsal_server_was_built_without_is_no_failure(sqlstate: str, origin: str, is_lack: bool):
    said = doubt_of(failed(sqlstate, origin, "ICU wird in dieser Installation nicht unterstützt"), [])
    assert ("(ICU wird in dieser Installation nicht unterstützt)" in said) is is_lack


RIGHTS = Rights(
    role="app",
    is_superuser=False,
    bypasses_row_security=False,
    creates_in_database=True,
    not_owned=frozenset({"billing.invoices"}),
    not_creating_in=frozenset({"billing"}),
    trusted=frozenset({"pgcrypto"}),
)


@pytest.mark.parametrize(
    ("script", "proof", "forced", "expected"),
    [
        ("CREATE EXTENSION dblink", ran(), frozenset(), "CREATE EXTENSION dblink is not known"),
        ("CREATE EXTENSION pgcrypto", ran(), frozenset(), ""),
        ("DO $$ BEGIN CREATE ROLE r; END $$", ran(), frozenset(), "CREATE ROLE r is not known"),
        ("CREATE SCHEMA s", ran(), frozenset(), ""),
        ("SELECT 1", ran(("billing.invoices", "ACCESS EXCLUSIVE")), frozenset(), "app does not own billing.invoices"),
        ("SELECT 1", ran(("billing.invoices", "ACCESS SHARE")), frozenset(), ""),
        ("SELECT 1", ran(("public.users", "ROW EXCLUSIVE")), frozenset({"public.users"}), "forced on public.users"),
        ("SELECT 1", ran(), frozenset({"public.users"}), ""),
        ("SELECT 1", ran(), OURS, "forced on platform.migration_fuse"),
        (
            "SELECT 1",
            ran(made=(Difference(key="table billing.t", change=Change.ADDED, before=None, after={}),)),
            frozenset(),
            "may not create anything in the schema billing",
        ),
    ],
)
def test_a_right_that_the_role_may_not_have_leaves_it_unproven(
    script: str, proof: Proof, forced: frozenset[str], expected: str
):
    said = RIGHTS.doubt(script, proof, forced=forced, ours=OURS)
    assert expected in said
    assert bool(said) is bool(expected)
    superuser = replace(RIGHTS, is_superuser=True)
    assert superuser.doubt(script, proof, forced=forced, ours=OURS) == ""

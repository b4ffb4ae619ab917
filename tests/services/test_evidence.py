"""What an approval rests on: each requirement, met, answered, missing, or not asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from config.environments import Environment, Requirement
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Plan
from dashboard.engine.rehearsal.report import NotReached, Report, ScriptError, ScriptRun
from dashboard.models import AuditEvent, ChangeRequest, Rehearsal
from dashboard.selectors import findings
from dashboard.services import approvals, evidence, observations, plans, rehearsals
from dashboard.services.actors import Actor
from dashboard.services.audit import Event
from dashboard.services.errors import EvidenceMissing
from dashboard.services.evidence import Evidence, EvidenceStatus
from tests.fix_project import Project
from tests.fix_rehearsals import Finds, RehearsalsFind, RequireOnProduction, passing
from tests.services.workflow import approve, execute, run_on_staging, start_on_production

pytestmark = pytest.mark.django_db(transaction=True)

FAILED = ScriptRun(ok=False, ms=1.0, error=ScriptError(sentence="It fails."))


def ask(environment: Environment, by: Actor, because: str = "") -> ChangeRequest:
    plan = plans.apply(environment)
    return approvals.open_request(plan, environment=environment, by=by, reason="December", irreversible_because=because)


def verdicts(gathered: Evidence) -> dict[Requirement, EvidenceStatus]:
    return {item.requirement: item.verdict for item in gathered.items}


def of(environment: Environment) -> dict[Requirement, EvidenceStatus]:
    return verdicts(evidence.of_plan(plans.apply(environment), environment))


def failing(plan: Plan) -> Report:
    return passing(plan, up=FAILED, down=None, again=None, reversible=None, repeatable=None)


def test_an_approval_waits_for_the_rehearsal(
    two_files: Project,
    alice: Actor,
    bob: Actor,
    require_on_production: RequireOnProduction,
    rehearsals_find: RehearsalsFind,
) -> None:
    request = ask(require_on_production(Requirement.REHEARSAL), alice)
    with pytest.raises(EvidenceMissing, match="It is being rehearsed"):
        approve(request, bob)
    assert not request.decisions.exists()
    rehearsals_find(passing)
    rehearsals.work()
    assert approve(request, bob).status == ChangeRequest.Status.APPROVED


def test_what_an_approval_rested_on_is_in_the_audit_log(
    two_files: Project,
    alice: Actor,
    bob: Actor,
    require_on_production: RequireOnProduction,
    rehearsals_find: RehearsalsFind,
) -> None:
    rehearsals_find(passing)
    request = ask(require_on_production(Requirement.REHEARSAL, Requirement.REVERSIBLE), alice)
    rehearsals.work()
    approve(request, bob)
    data = AuditEvent.objects.get(kind=Event.REQUEST_APPROVED).data
    assert data["rehearsal"] == Rehearsal.objects.get().pk
    assert data["verdicts"] == {
        "rehearsal": "satisfied",
        "reversible": "satisfied",
        "lint": "satisfied",
        "previous": "not_required",
    }


def test_a_failed_rehearsal_is_no_evidence(
    two_files: Project,
    alice: Actor,
    bob: Actor,
    require_on_production: RequireOnProduction,
    rehearsals_find: RehearsalsFind,
) -> None:
    rehearsals_find(failing)
    request = ask(require_on_production(Requirement.REHEARSAL), alice)
    rehearsals.work()
    with pytest.raises(EvidenceMissing, match="failed when it was rehearsed"):
        approve(request, bob)


def half_way(plan: Plan) -> Report:
    """Nothing failed in what it ran, and it did not run all."""
    whole = passing(plan)
    left = NotReached(version="002", name="orders", reason="001_users was not rehearsed")
    return replace(whole, proofs=whole.proofs[:1], not_reached=(left,))


def first_only(plan: Plan) -> Report:
    whole = passing(plan)
    return replace(whole, proofs=whole.proofs[:1])


def again_fails(plan: Plan) -> Report:
    return passing(plan, again=FAILED, reversible=False, repeatable=False)


def unlike_the_target(plan: Plan) -> Report:
    return passing(plan, doubt="it ran as the owner of everything, and app does not own public.users")


@pytest.mark.parametrize("finds", [half_way, first_only, again_fails, unlike_the_target])
def test_only_a_rehearsal_that_proves_every_migration_is_evidence(
    two_files: Project,
    alice: Actor,
    bob: Actor,
    require_on_production: RequireOnProduction,
    rehearsals_find: RehearsalsFind,
    finds: Finds,
) -> None:
    rehearsals_find(finds)
    production = require_on_production(Requirement.REHEARSAL, Requirement.REVERSIBLE)
    request = ask(production, alice)
    rehearsals.work()
    assert of(production)[Requirement.REHEARSAL] is EvidenceStatus.MISSING
    assert of(production)[Requirement.REVERSIBLE] is EvidenceStatus.MISSING
    with pytest.raises(EvidenceMissing):
        approve(request, bob)
    assert not request.decisions.exists()


def test_what_is_not_proven_is_told_apart_from_what_failed(
    two_files: Project, alice: Actor, require_on_production: RequireOnProduction, rehearsals_find: RehearsalsFind
) -> None:
    rehearsals_find(half_way)
    production = require_on_production(Requirement.REHEARSAL)
    ask(production, alice)
    rehearsals.work()
    (missing,) = evidence.of_plan(plans.apply(production), production).missing
    assert missing.sentence == (
        "The rehearsal proves not all of it: 002_orders was not reached, because 001_users was not rehearsed."
    )


def test_a_report_of_an_earlier_release_is_no_evidence(
    two_files: Project, alice: Actor, require_on_production: RequireOnProduction, rehearsals_find: RehearsalsFind
) -> None:
    """It may have called something passed that was not reached."""
    rehearsals_find(passing)
    production = require_on_production(Requirement.REHEARSAL)
    ask(production, alice)
    rehearsals.work()
    rehearsal = Rehearsal.objects.get()
    rehearsal.report = {key: value for key, value in (rehearsal.report or {}).items() if key != "not_reached"}
    rehearsal.save()
    (missing,) = evidence.of_plan(plans.apply(production), production).missing
    assert missing.sentence == "It was rehearsed by an earlier release, which looked at less."


def test_a_free_environment_asks_for_nothing(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = ask(two_files.production, alice)
    proof = evidence.of_request(request, two_files.production)
    assert not proof.missing
    assert verdicts(proof)[Requirement.REHEARSAL] is EvidenceStatus.NOT_REQUIRED
    assert approve(request, bob).status == ChangeRequest.Status.APPROVED


# Reversible


def test_a_rollback_that_restores_nothing_needs_a_reason(
    two_files: Project,
    alice: Actor,
    bob: Actor,
    require_on_production: RequireOnProduction,
    rehearsals_find: RehearsalsFind,
) -> None:
    rehearsals_find(lambda plan: passing(plan, reversible=False))
    production = require_on_production(Requirement.REHEARSAL, Requirement.REVERSIBLE)
    bare = ask(production, alice)
    rehearsals.work()
    with pytest.raises(EvidenceMissing, match="001_users and 002_orders does not restore the schema"):
        approve(bare, bob)
    reasoned = ask(production, alice, because="The rows are in the archive.")
    proof = evidence.of_request(reasoned, production)
    assert verdicts(proof)[Requirement.REVERSIBLE] is EvidenceStatus.ANSWERED
    approve(reasoned, bob)
    assert AuditEvent.objects.get(kind=Event.REQUEST_APPROVED).data["irreversible_because"] == (
        "The rows are in the archive."
    )


def test_another_order_of_columns_is_reversible(
    two_files: Project, alice: Actor, require_on_production: RequireOnProduction, rehearsals_find: RehearsalsFind
) -> None:
    rehearsals_find(lambda plan: passing(plan, reversible=False, order_only=True))
    production = require_on_production(Requirement.REVERSIBLE)
    rehearsals.ask(plans.apply(production), environment=production, by=alice)
    rehearsals.work()
    assert of(production)[Requirement.REVERSIBLE] is EvidenceStatus.SATISFIED


def test_without_a_rehearsal_a_rollback_proves_nothing(
    two_files: Project, require_on_production: RequireOnProduction
) -> None:
    assert of(require_on_production(Requirement.REVERSIBLE))[Requirement.REVERSIBLE] is EvidenceStatus.MISSING


def test_a_migration_without_rollback_is_irreversible_unless_its_file_says_why(
    project: Project, require_on_production: RequireOnProduction
) -> None:
    production = require_on_production(Requirement.REVERSIBLE)
    project.write(_001_users="CREATE TABLE users (id int);")
    proof = evidence.of_plan(plans.apply(production), production)
    assert "001_users has no rollback that can be used." in [item.sentence for item in proof.missing]
    project.write(_001_users="-- signalbox: irreversible=It is the first.\nCREATE TABLE users (id int);")
    assert of(production)[Requirement.REVERSIBLE] is EvidenceStatus.ANSWERED


def test_of_a_repeatable_migration_no_rollback_is_asked_for(
    project: Project, alice: Actor, require_on_production: RequireOnProduction, rehearsals_find: RehearsalsFind
) -> None:
    production = require_on_production(Requirement.REVERSIBLE)
    project.write(R__users="CREATE OR REPLACE VIEW users AS SELECT 1 AS id;")
    plan = plans.apply(production)
    (item,) = [i for i in evidence.of_plan(plan, production).items if i.requirement is Requirement.REVERSIBLE]
    assert (item.verdict, evidence.is_irreversible(plan)) == (EvidenceStatus.SATISFIED, False)
    assert item.sentence == "R__users is repeatable: the text of before, run again, is the way back."
    project.write(_001_orders="CREATE TABLE orders (id int);", _001_rollback="DROP TABLE orders;")
    assert of(production)[Requirement.REVERSIBLE] is EvidenceStatus.MISSING
    rehearsals_find(passing)
    rehearsals.ask(plans.apply(production), environment=production, by=alice)
    rehearsals.work()
    assert of(production)[Requirement.REVERSIBLE] is EvidenceStatus.SATISFIED


# Lint

ERROR = "CREATE TABLE users (id int);\nCOPY users FROM PROGRAM 'cat /etc/passwd';\n"


def test_an_error_of_lint_forbids_an_approval(project: Project, require_on_production: RequireOnProduction) -> None:
    production = require_on_production(Requirement.LINT)
    project.write(_001_users=ERROR)
    (missing,) = evidence.of_plan(plans.apply(production), production).missing
    assert missing.sentence.startswith("1 error: 001_users.sql, line 2.")


def test_an_error_that_the_file_allows_is_none_and_the_reason_is_kept(
    project: Project, alice: Actor, require_on_production: RequireOnProduction
) -> None:
    production = require_on_production(Requirement.LINT)
    project.write(
        _001_users=ERROR.replace("COPY", "-- signalbox:allow leaves-the-database The file is ours.\nCOPY"),
        _001_rollback="DROP TABLE users;",
    )
    ask(production, alice)
    assert of(production)[Requirement.LINT] is EvidenceStatus.SATISFIED
    assert AuditEvent.objects.get(kind=Event.REQUEST_OPENED).data["suppressions"] == [
        {"rule": "leaves-the-database", "file": "001_users.sql", "line": 3, "reason": "The file is ours."}
    ]


def test_a_rollback_that_cannot_be_parsed_is_no_error_of_the_plan(
    project: Project, require_on_production: RequireOnProduction
) -> None:
    """It is never captured: that says `reversible`, in words of its own."""
    production = require_on_production(Requirement.LINT, Requirement.REVERSIBLE)
    project.write(_001_users="CREATE TABLE users (id int);", _001_rollback="DROP TABEL users;")
    proof = of(production)
    assert (proof[Requirement.LINT], proof[Requirement.REVERSIBLE]) == (
        EvidenceStatus.SATISFIED,
        EvidenceStatus.MISSING,
    )


def test_lint_of_another_text_proves_nothing(
    two_files: Project, alice: Actor, bob: Actor, require_on_production: RequireOnProduction
) -> None:
    request = ask(require_on_production(Requirement.LINT), alice)
    two_files.write(_002_orders="CREATE TABLE orders (id bigint);")
    with pytest.raises(EvidenceMissing, match="does not hold these scripts any more"):
        approve(request, bob)


def test_lint_is_asked_once_for_one_content(
    project: Project, require_on_production: RequireOnProduction, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write(_001_asked_once="CREATE TABLE asked_once (id int);")
    asked: list[object] = []
    lint = findings.lint_folder
    monkeypatch.setattr(findings, "lint_folder", lambda *args: asked.append(args) or lint(*args))
    production = require_on_production(Requirement.LINT)
    of(production)
    of(production)
    assert len(asked) == 1
    project.write(_001_asked_once="CREATE TABLE asked_twice (id int);")
    of(production)
    assert len(asked) == 2


# The environment before


def test_it_must_be_applied_before_where_that_is_asked_for(
    two_files: Project, alice: Actor, require_on_production: RequireOnProduction
) -> None:
    production = require_on_production(Requirement.PREVIOUS)
    assert of(production)[Requirement.PREVIOUS] is EvidenceStatus.MISSING
    run_on_staging(two_files, alice)
    observations.refresh(two_files.staging)
    assert of(production)[Requirement.PREVIOUS] is EvidenceStatus.SATISFIED
    two_files.write(_002_orders="-- a comment\nCREATE TABLE orders (id int);")
    assert of(production)[Requirement.PREVIOUS] is EvidenceStatus.SATISFIED
    two_files.write(_002_orders="CREATE TABLE orders (id bigint);")
    assert of(production)[Requirement.PREVIOUS] is EvidenceStatus.MISSING


def test_of_what_the_environment_before_never_gets_nothing_is_asked_there(
    two_files: Project, alice: Actor, require_on_production: RequireOnProduction
) -> None:
    production = require_on_production(Requirement.PREVIOUS)
    two_files.write(_003_grants="-- signalbox: environments=production\nCREATE TABLE grants (id int);")
    missing = evidence.of_plan(plans.apply(production), production).missing
    assert [item.sentence for item in missing] == [
        "001_users and 002_orders are not applied on Staging as it stands here. 003_grants is not for Staging, so "
        "nothing is asked of Staging."
    ]
    run_on_staging(two_files, alice)
    observations.refresh(two_files.staging)
    assert of(production)[Requirement.PREVIOUS] is EvidenceStatus.SATISFIED
    two_files.write(_003_grants="-- signalbox: environments=staging,production\nCREATE TABLE grants (id int);")
    assert of(production)[Requirement.PREVIOUS] is EvidenceStatus.MISSING


def test_nothing_comes_before_the_first_environment(two_files: Project) -> None:
    assert Requirement.PREVIOUS not in of(two_files.staging)


# Rollbacks and what runs no migration


def rollback_of(project: Project, environment: Environment) -> Evidence:
    plan = plans.rollback(environment, downto=MigrationId("002", "orders"))
    return evidence.of_plan(plan, environment)


@pytest.fixture
def applied_everywhere(
    two_files: Project, alice: Actor, bob: Actor, require_on_production: RequireOnProduction
) -> Environment:
    request = approve(ask(two_files.production, alice), bob)
    execute(start_on_production(request, alice))
    return require_on_production(*Requirement)


def test_a_rollback_that_was_not_rehearsed_may_be_accepted_unproven(
    two_files: Project, applied_everywhere: Environment
) -> None:
    assert verdicts(rollback_of(two_files, applied_everywhere)) == {Requirement.REHEARSAL: EvidenceStatus.ANSWERED}


def test_a_rollback_that_failed_when_rehearsed_may_not(
    two_files: Project, alice: Actor, applied_everywhere: Environment, rehearsals_find: RehearsalsFind
) -> None:
    rehearsals_find(failing)
    plan = plans.rollback(applied_everywhere, downto=MigrationId("002", "orders"))
    rehearsals.ask(plan, environment=applied_everywhere, by=alice)
    rehearsals.work()
    assert verdicts(rollback_of(two_files, applied_everywhere)) == {Requirement.REHEARSAL: EvidenceStatus.MISSING}


def test_a_plan_that_runs_no_migration_has_nothing_to_prove(
    two_files: Project, require_on_production: RequireOnProduction
) -> None:
    production = require_on_production(*Requirement)
    plan = plans.skip(production, [MigrationId("001", "users")], reason="Made by hand")
    assert evidence.of_plan(plan, production) == Evidence()

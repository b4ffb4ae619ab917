"""Is a plan still what was approved? The executor asks under the lock, the web before it queues a run."""

from __future__ import annotations

from dataclasses import asdict

from dashboard.engine import scoping
from dashboard.engine.errors import PlanChanged
from dashboard.engine.migration import UNKNOWN_CHECKSUMS, Folder, History, Migration
from dashboard.engine.plan import (
    DUAL_WRITTEN,
    Action,
    DualWrite,
    Plan,
    Policy,
    Record,
    Step,
    Target,
    last_deeds,
    records,
)


def verify(plan: Plan, target: Target) -> None:
    """Raise PlanChanged, naming the part, unless `plan` would be computed from `target` as it is now."""
    if plan.environment != target.environment:
        raise PlanChanged(what=f"it was made for {plan.environment}, not {target.environment}")
    if plan.identity != target.identity:
        raise PlanChanged(
            what=f"the URL now leads to another database ({target.identity.database}, "
            f"system {target.identity.system_identifier}) than the one it was made for"
        )
    if changed := declaration_change(plan, target.policy, target.dual_write):
        raise PlanChanged(what=f"the environment's policy was changed ({changed})")
    now = records(target.history)
    if plan.basis != now:
        raise PlanChanged(what=f"the history of {target.name} changed ({_difference(plan.basis, now)})")
    if done := set(plan.last_deeds) ^ set(last_deeds(target.history, plan.action, plan.steps)):
        labels = ", ".join(sorted({deed.identity.label for deed in done}))
        raise PlanChanged(what=f"the log of {target.name} has later entries about {labels}")
    if unlike := _unfinished_otherwise(plan, target.history):
        raise PlanChanged(what=unlike)


def verify_files(plan: Plan, folder: Folder) -> None:
    """Raise PlanChanged where a file the plan takes from no longer has the bytes that were planned."""
    for step in plan.steps:
        if not step.action.takes_from_files or (step.action is Action.RESTORE_RECORD and not step.text):
            continue  # of such a record the log says it all
        left = folder.find_elsewhere(step.identity)
        if left is not None and step.action is not Action.IMPORT:  # of what ran here before, whatever its file says now
            raise PlanChanged(what=f"the file of {step.label} {scoping.scope_of(left).words} by now")
        migration = left or folder.find(step.identity)
        if migration is None:
            raise PlanChanged(what=f"the file of {step.label} is gone")
        if not _is_as_planned(migration, step):
            raise PlanChanged(what=f"{migration.up.file} was edited")
        if (step.action.captures_rollback or step.down_sql is not None) and migration.usable_down != step.down_sql:
            raise PlanChanged(what=f"the rollback of {step.label} was edited")


#: These are planned also while something is unfinished, which is none of theirs or what they settle.
_BESIDE_UNFINISHED = frozenset({Action.REPAIR, Action.RESET, Action.SKIP, Action.UNSKIP})


def _unfinished_otherwise(plan: Plan, history: History) -> str:
    """What broke off outside a transaction is in no row of success, so the basis does not tell it: why the plan is not
    the one that goes on from where it stands, as a clause; empty where it is, or nothing broke off."""
    if plan.action in _BESIDE_UNFINISHED:
        return ""
    (first, *more), going_on = plan.steps, {(item.identity, item.action) for item in history.unfinished}
    if first.first_statement > 1 and (first.identity, first.action) not in going_on:
        return f"{first.label} does not stand unfinished any more"
    for item in history.unfinished:
        committed = [e.statement for e in item.entries if e.done and e.statement >= first.first_statement]
        if more or (item.identity, item.action) != (first.identity, first.action) or committed:
            return f"{item.label} has broken off outside a transaction since, and what it left is there"
    return ""


def _is_as_planned(migration: Migration, step: Step) -> bool:
    """By its text, where the step has one."""
    if planned := step.sql or step.text:
        return migration.up.sql == planned
    return step.checksum in UNKNOWN_CHECKSUMS or migration.up.checksum == step.checksum


def declaration_change(plan: Plan, policy: Policy, dual_write: DualWrite | None) -> str:
    """What its environment demands now otherwise than when the plan was made, with both values; empty where nothing."""
    if plan.policy != policy:
        return _policy_change(plan.policy, policy)
    if plan.action in DUAL_WRITTEN and plan.dual_write != dual_write:
        before, now = (f"{asked.tool}:{asked.label}" if asked else "nothing" for asked in (plan.dual_write, dual_write))
        return f"dual_write from {before} to {now}"
    return ""


def _policy_change(before: Policy, now: Policy) -> str:
    old, new = asdict(before), asdict(now)
    return ", ".join(f"{name} from {old[name]} to {new[name]}" for name in old if old[name] != new[name])


def _difference(before: tuple[Record, ...], now: tuple[Record, ...]) -> str:
    appeared = sorted({record.identity.label for record in set(now) - set(before)})
    gone = sorted({record.identity.label for record in set(before) - set(now)} - set(appeared))
    parts = []
    if appeared:
        parts.append(f"{', '.join(appeared)} {'was' if len(appeared) == 1 else 'were'} recorded since")
    if gone:
        parts.append(f"{', '.join(gone)} {'is' if len(gone) == 1 else 'are'} no longer recorded")
    return "; ".join(parts)

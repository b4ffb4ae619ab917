"""Two commits of a source side by side: which migrations a push adds, changes or takes away, and what that means."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.urls import reverse

from dashboard.engine.errors import EngineError
from dashboard.engine.migration import Problem
from dashboard.presenters import schema_diff, wording
from dashboard.presenters.badges import Badge, badge
from dashboard.presenters.pills import Pill
from dashboard.presenters.schema_diff import DiffLine
from dashboard.selectors.git import CommitFact
from dashboard.services.pushes import PushChange, PushComparison, PushedMigration, PushOutlook

CHANGES: Mapping[PushChange, Pill] = {
    PushChange.ADDED: Pill(label="Added", tone="ok", icon="plus"),
    PushChange.SQL: Pill(label="SQL changed", tone="warn", icon="modified"),
    PushChange.SCOPE: Pill(label="For other environments", tone="warn", icon="environment"),
    PushChange.COMMENTS: Pill(label="Comments changed", tone="muted", icon="comment"),
    PushChange.ROLLBACK: Pill(label="Rollback changed", tone="info", icon="rollback"),
    PushChange.REMOVED: Pill(label="Removed", tone="warn", icon="missing"),
}
#: How so many of them are called in a sentence.
COUNTED: Mapping[PushChange, str] = {
    PushChange.ADDED: "added",
    PushChange.SQL: "with other SQL",
    PushChange.SCOPE: "for other environments",
    PushChange.COMMENTS: "with other comments",
    PushChange.ROLLBACK: "with another rollback",
    PushChange.REMOVED: "removed",
}

_MARGINS = re.compile(r"\A(?:[ \t]*\n)+|\s+\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedView:
    label: str
    pill: Pill
    alarm: str  # where a database has what no file says any more
    scope: str  # which environments it is for, where that is not all of them or was others before
    stands_in: tuple[Badge, ...]
    file: str
    lines: tuple[DiffLine, ...]
    down_file: str
    down_lines: tuple[DiffLine, ...]
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlookView:
    place: Badge
    pending: tuple[str, ...]
    pending_no_more: tuple[str, ...]
    sentence: str
    tone: str
    icon: str
    plan_url: str  # empty where there is no plan, or the new commit is not in force


@dataclass(frozen=True, slots=True, kw_only=True)
class PushPage:
    old: CommitFact
    new: CommitFact
    sentence: str
    migrations: tuple[PushedView, ...]
    errors: tuple[Problem, ...]
    outlooks: tuple[OutlookView, ...]
    reverse_url: str


def page(comparison: PushComparison, *, in_force: str) -> PushPage:
    """`in_force`: the id of the commit that plans are made of now."""
    source, old, new = comparison.new.source, comparison.old, comparison.new
    few = len(comparison.migrations) <= schema_diff.OPEN
    return PushPage(
        old=old,
        new=new,
        sentence=_sentence(comparison),
        migrations=tuple(_migration(each, is_open=few) for each in comparison.migrations),
        errors=comparison.errors,
        outlooks=tuple(
            _outlook(each, comparison.errors, is_in_force=new.sha == in_force) for each in comparison.outlooks
        ),
        reverse_url=reverse("source-compare", args=[source, new.sha, old.sha]),
    )


def _sentence(comparison: PushComparison) -> str:
    if not comparison.migrations:
        return "No migration differs: every file that is run is the same in both."
    counts = {change: sum(m.change is change for m in comparison.migrations) for change in PushChange}
    named = (f"{count} {COUNTED[change]}" for change, count in counts.items() if count)
    return f"{', '.join(named)}."


def _migration(pushed: PushedMigration, *, is_open: bool) -> PushedView:
    before, after = pushed.before, pushed.after
    script = after.up if after else before.up if before else None
    down = after.down if after and after.down else before.down if before else None
    old_up, new_up = (_without_margins(m.up.sql) if m else "" for m in (before, after))
    old_down, new_down = (_without_margins(m.down.sql) if m and m.down else "" for m in (before, after))
    return PushedView(
        label=pushed.identity.label,
        pill=CHANGES[pushed.change],
        alarm=_alarm(pushed),
        scope=_scope(pushed),
        stands_in=tuple(badge(environment) for environment in pushed.stands_in),
        file=script.file if script else "",
        lines=schema_diff.text_diff(old_up, new_up),
        down_file=down.file if down else "",
        down_lines=schema_diff.text_diff(old_down, new_down),
        is_open=is_open,
    )


def _without_margins(sql: str) -> str:
    """Without the blank lines that stand where the other half of its file is."""
    return _MARGINS.sub("", sql)


def _alarm(pushed: PushedMigration) -> str:
    if not pushed.left_behind:
        return ""
    names = wording.all_of([environment.name for environment in pushed.left_behind])
    if pushed.change is PushChange.REMOVED:
        return f"It is applied on {names}, and its file would be gone."
    return f"It is applied on {names} with the old SQL, so nothing would be applied there until the file is as it was."


def _scope(pushed: PushedMigration) -> str:
    before, after = pushed.scopes
    now = after or before
    if now is None or (now.is_everywhere and before in (None, now)):
        return ""
    was = f"; before, it {before.words.replace('is for', 'was for')}" if before and after and before != after else ""
    return f"It {now.words}{was}."


def _outlook(outlook: PushOutlook, errors: Sequence[Problem], *, is_in_force: bool) -> OutlookView:
    """The page tells what to do about an error below, with its line: here it is only named."""
    plan = outlook.plan
    if plan is None:
        sentence, tone, icon = "Nobody has looked at its database yet.", "muted", "unknown"
    elif isinstance(plan, EngineError):
        harmless = not outlook.becomes_pending
        sentence, tone, icon = str(plan), "muted" if harmless else "warn", "ok" if harmless else "attention"
    else:
        count = len(plan.steps)
        why = plan.stops_before
        for problem in errors:
            why = why.replace(f" {problem.advice}", "") if problem.advice else why
        sentence = f"An apply would run {count} migration{'' if count == 1 else 's'}. {why}".strip()
        tone, icon = ("warn", "attention") if plan.stops_before else ("info", "pending")
    has_plan = plan is not None and not isinstance(plan, EngineError)
    return OutlookView(
        place=badge(outlook.environment),
        pending=outlook.becomes_pending,
        pending_no_more=outlook.pending_no_more,
        sentence=sentence,
        tone=tone,
        icon=icon,
        plan_url=reverse("apply", args=[outlook.environment.slug]) if has_plan and is_in_force else "",
    )

"""What templates need to say things the Signalbox way: times, durations, icons, SQL, the place in the navigation."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from dashboard.engine.migration import Identified, Problem
from dashboard.engine.sql import places
from dashboard.engine.sql.places import StatementPlace
from dashboard.models import command_line as commands
from dashboard.presenters import links, statuses
from dashboard.presenters import sql as sql_presenter
from dashboard.presenters.findings import Note
from dashboard.presenters.pills import Pill

register = template.Library()

MONTH = 30 * 86_400
UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


@register.filter
def ago(moment: datetime | None) -> str:
    """`5 minutes ago`, `in 2 hours`; a date from thirty days on. js/time.js says it in the same words.

    What has passed is rounded down, what is to come to the nearest: a new term of 72 hours is 3 days.
    """
    if moment is None:
        return "never"
    seconds = round((timezone.now() - moment).total_seconds())
    if abs(seconds) >= MONTH:
        return f"{timezone.localtime(moment):%-d %b %Y}"
    if abs(seconds) < 5:
        return "just now"
    size, unit = next((size, unit) for size, unit in UNITS if abs(seconds) >= size)
    count = (-seconds + size // 2) // size if seconds < 0 else seconds // size
    phrase = f"{count} {unit}{'' if count == 1 else 's'}"
    return f"in {phrase}" if seconds < 0 else f"{phrase} ago"


@register.filter
def absolute(moment: datetime | None) -> str:
    """`2026-11-22 14:03:22 CET`: the reader's zone, named."""
    return "" if moment is None else f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S %Z}"


@register.filter
def utc(moment: datetime) -> str:
    """The moment for machines, as `<time datetime>` wants it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@register.filter
def duration_ms(milliseconds: float | None) -> str:
    """`38 ms`, `1.24 s`, `2 min 5 s`, `1 h 3 min`; a dash where nothing was measured."""
    if milliseconds is None:
        return "\N{EN DASH}"
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 59_995:
        return f"{milliseconds / 1000:.2f} s"
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    return f"{minutes // 60} h {minutes % 60} min"


@register.filter
def breakable(text: object) -> SafeString:
    """A name that breaks after an underscore, a slash or a comma before it breaks within a word."""
    return mark_safe(_JOINT.sub("<wbr>", escape(text)))  # noqa: S308 -- escaped, and nothing but our own tag is added


@register.filter
def coded(text: object) -> SafeString:
    """A sentence in which what stands between backticks is code."""
    return mark_safe(_CODE.sub(r"<code>\1</code>", escape(text)))  # noqa: S308 -- escaped, and only our own tag is added


_CODE = re.compile(r"`([^`]+)`")
_JOINT = re.compile(r"(?<=[_/,])(?=[^\s_/,])")


@register.filter
def severity_pill(problem: Problem | Note) -> Pill:
    """How much it matters; a finding that its file allows does not."""
    allowed = isinstance(problem, Note) and problem.allowed
    return statuses.ALLOWED if allowed else statuses.SEVERITY[problem.severity]


@register.simple_tag
def migration_url(migration: Identified, source: str) -> str:
    """The page of a migration of that source."""
    return links.migration(migration.identity, source)


@register.simple_tag
def time(moment: datetime | None, missing: str = "never") -> str:
    """The moment as a `<time>`: relative to read, absolute on hover and in print."""
    if moment is None:
        return missing
    html = '<time datetime="{}" title="{}" data-relative>{}</time>'
    return format_html(html, utc(moment), absolute(moment), ago(moment))


@register.simple_tag
def command_line(arguments: str) -> str:
    """What a person types on the command line of this installation."""
    return commands.of(arguments)


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """An icon of the sprite in _components/icon.html. Without a label it is decoration beside a text."""
    if label:
        return format_html('<svg class="icon" role="img" aria-label="{}"><use href="#i-{}"/></svg>', label, name)
    return format_html('<svg class="icon" aria-hidden="true"><use href="#i-{}"/></svg>', name)


@register.inclusion_tag("_components/sql_block.html")
def sql_block(
    sql: str,
    label: str,
    *,
    problems: Iterable[Problem | Note] = (),
    anchor: str = "",
    marked: int | None = None,
    note: str = "",
) -> dict[str, Any]:
    """A highlighted listing; see _components/sql_block.html for what the parameters mean."""
    return {
        "listing": sql_presenter.listing(sql, problems, _places(sql)),
        "label": label,
        "anchor": anchor,
        "marked": marked,
        "note": note,
    }


def _places(sql: str) -> tuple[StatementPlace, ...]:
    """Only a listing that is folded asks for them: reading a script takes a moment."""
    return places.statements_of(sql) if sql.count("\n") >= sql_presenter.FOLD_AFTER else ()


@register.inclusion_tag("_components/nav_link.html", takes_context=True)
def nav_link(context: template.Context, view_name: str, label: str, count: int = 0) -> dict[str, Any]:
    """A link of the main navigation that knows whether the reader is on its page (`page`) or below it (`true`)."""
    url = reverse(view_name)
    path = context["request"].path
    below = url != reverse("overview") and path.startswith(url)
    return {"url": url, "label": label, "count": count, "current": "page" if path == url else "true" if below else ""}

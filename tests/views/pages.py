"""Pages as people read them, their structure, and whether all that a presenter worded stands on them."""

from __future__ import annotations

import html
import re
from dataclasses import fields as fields_of
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any

from dashboard.presenters.buttons import ActionButton
from tests.presenters.values import says

if TYPE_CHECKING:
    from django.http import HttpResponse

    from dashboard.presenters.failures import ErrorBox

#: Fields of a view that are seen, or not even that, and never read.
UNREAD = frozenset({"tone", "icon", "state_tone", "colour", "slug", "key", "kind", "anchor", "number"})


def text(response: HttpResponse) -> str:
    """No tags, blanks as one."""
    page = response.content.decode().replace("<wbr>", "")
    body = re.sub(r"<(script|style|svg)[ >].*?</\1>", " ", page, flags=re.DOTALL)
    return _one_line(html.unescape(re.sub(r"<[^>]+>", " ", body)))


def _one_line(words: str) -> str:
    return " ".join(words.split())


def digest_on(response: HttpResponse) -> str:
    return hidden(response, "digest")


def hidden(response: HttpResponse, name: str) -> str:
    """What the form on the page sends along under that name."""
    field = re.search(rf'name="{name}" value="([^"]*)"', response.content.decode())
    assert field, f"the page carries {name}"
    return html.unescape(field[1])


# Structure


def links(response: HttpResponse) -> list[str]:
    """Where one can go from here, in the order of the page."""
    return [html.unescape(url) for url in re.findall(r'<a\b[^>]*?\shref="([^"]*)"', response.content.decode())]


def posts(response: HttpResponse) -> list[str]:
    """What one can do from here: the addresses that the forms of the page are sent to, also by a button of
    their own; "" is the page itself."""
    page = response.content.decode()
    forms = re.findall(r"<form\b[^>]*>", page)
    others = re.findall(r'<button\b[^>]*?\sformaction="([^"]*)"', page)
    return [*(_attribute(form, "action") for form in forms if _attribute(form, "method") == "post"), *others]


def controls(response: HttpResponse) -> list[str]:
    """The names of what one can fill in or choose."""
    elements = re.findall(r"<(?:input|select|textarea)\b[^>]*>", response.content.decode())
    return [_attribute(each, "name") for each in elements if 'type="hidden"' not in each and " disabled" not in each]


def alerts(response: HttpResponse) -> list[str]:
    """The tones of what the page warns of."""
    return re.findall(r'role="alert" data-tone="(\w+)"', response.content.decode())


def error_code(response: HttpResponse) -> str:
    """Of an action that was not done."""
    code: str = response.context["code"]
    assert f"<code>{code}</code>" in response.content.decode()
    return code


def is_empty(response: HttpResponse) -> bool:
    """A list page that says so instead of a list."""
    return 'class="empty-state"' in response.content.decode()


def _attribute(tag: str, name: str) -> str:
    value = re.search(rf'\s{name}="([^"]*)"', tag)
    return html.unescape(value[1]) if value else ""


# What a presenter worded


def error_box(response: HttpResponse) -> ErrorBox:
    """The failure that the page explains, of which it shows everything."""
    box: ErrorBox = response.context["error"]
    assert_shown(response, box)
    assert box.tone in alerts(response)
    return box


def assert_shown(response: HttpResponse, *views: Any) -> None:
    """The page shows each sentence of these views and leads to each of their addresses."""
    page, urls = text(response), [*links(response), *posts(response)]
    for view in views:
        for words in _read(view):
            assert _one_line(words) in page, f"not on the page: {words}"
        for url in _addresses(view):
            assert url in urls, f"nothing on the page leads to {url}"


def assert_refused(response: HttpResponse, button: ActionButton, words: str) -> None:
    """The button stands there and leads nowhere; its reason says these words."""
    assert button.show
    assert says(button.reason, words)
    assert_shown(response, button)
    assert button.url not in [*links(response), *posts(response)]


def _read(view: Any) -> list[str]:
    """What people read of it."""
    if isinstance(view, str):
        return [view]
    if isinstance(view, ActionButton):
        return [view.label, view.reason] if view.show else []
    return [words for name, part in _parts(view) if name not in UNREAD and "url" not in name for words in _read(part)]


def _addresses(view: Any) -> list[str]:
    if isinstance(view, ActionButton):
        return [view.url] if view.show and not view.disabled else []
    here = [part for name, part in _parts(view) if (name == "url" or name.endswith("_url")) and part]
    return here + [url for _, part in _parts(view) for url in _addresses(part)]


def _parts(view: Any) -> list[tuple[str, Any]]:
    if is_dataclass(view):
        return [(each.name, getattr(view, each.name)) for each in fields_of(view)]
    if not isinstance(view, tuple | list) or _is_left_out(view):
        return []
    return [("", part) for part in view]


def _is_left_out(view: Any) -> bool:
    """A fact without a value has no line."""
    return len(view) == 2 and isinstance(view[0], str) and view[1] in {None, ""}

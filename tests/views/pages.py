"""Pages as people read them."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpResponse


def text(response: HttpResponse) -> str:
    """No tags, blanks as one."""
    page = response.content.decode().replace("<wbr>", "")
    body = re.sub(r"<(script|style|svg)[ >].*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def digest_on(response: HttpResponse) -> str:
    return hidden(response, "digest")


def hidden(response: HttpResponse, name: str) -> str:
    """What the form on the page sends along under that name."""
    field = re.search(rf'name="{name}" value="([^"]*)"', response.content.decode())
    assert field, f"the page carries {name}"
    return html.unescape(field[1])

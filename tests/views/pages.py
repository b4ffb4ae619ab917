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
    found = re.search(r'name="digest" value="([0-9a-f]{64})"', response.content.decode())
    assert found, "the page carries the digest of its plan"
    return found[1]

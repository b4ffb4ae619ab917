"""Parts of a page that ask for themselves every few seconds."""

from __future__ import annotations

import hashlib
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_htmx.http import reswap


def answer(
    request: HttpRequest, template: str, shown: object, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """The page; for htmx its partial `live`, or `seen` alone while `shown` is what the reader has.

    Nothing moves unless something changed: focus, selection and scroll positions stay. `shown` is the frozen value
    that `live` draws, so its repr says everything about it; `seen` holds the times of the last looks, out of band.
    """
    mark = hashlib.sha256(repr(shown).encode()).hexdigest()[:16]
    context = {**context, "mark": mark}
    if not request.htmx:  # type: ignore[attr-defined]
        return render(request, template, context, status=status)
    if request.GET.get("seen") == mark:
        return reswap(render(request, f"{template}#seen", context), "none")
    return render(request, f"{template}#live", context)

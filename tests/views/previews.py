"""Rows of a history, chosen on a page, shown before and after, and sent back as a browser does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.views.pages import error_code

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.test import Client


def send(client: Client, address: str, **data: object) -> Any:
    """Choose, and send back the preview."""
    preview = client.post(address, data)
    assert preview.status_code == 200, error_code(preview)
    return client.post(address, again(preview))


def again(preview: HttpResponse) -> dict[str, object]:
    """What a browser sends from the preview, with every warning accepted."""
    plan = preview.context["plan"]
    accepted = [warning.key for warning in plan.to_accept]
    return {"digest": plan.digest, **preview.context["sent"], "accepted": accepted}


def rows_on(preview: HttpResponse) -> list[tuple[str, str, str]]:
    """Migration, row before, row after; a checksum is left out."""
    return [(row.label, row.before.split(",")[0], row.after.split(",")[0]) for row in preview.context["plan"].rows]

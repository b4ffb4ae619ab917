"""Comments: plain text, kept as it was written, with the people it mentions."""

from __future__ import annotations

import pytest

from dashboard.models import AuditEvent
from dashboard.services import comments
from dashboard.services.actors import Actor
from dashboard.services.audit import Event
from dashboard.services.errors import PermissionRefused, ReasonMissing
from tests.fix_project import Project
from tests.services.workflow import open_request

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_comment_is_kept_as_it_was_written(two_files: Project, alice: Actor, bob: Actor) -> None:
    text = "<script>alert(1)</script> \u202e hidden"
    comment = comments.add(open_request(two_files, alice), by=bob, text=f"  {text}\n")
    assert comment.text == text
    assert AuditEvent.objects.get(kind=Event.REQUEST_COMMENTED).actor == "bob"


def test_it_mentions_people_who_can_sign_in_each_once(two_files: Project, alice: Actor, bob: Actor) -> None:
    text = "@bob, @alice: see @nobody, write to x@bob or root@alice.example; again @bob."
    assert comments.add(open_request(two_files, alice), by=alice, text=text).mentions == ["bob", "alice"]
    bob.person.is_active = False
    bob.person.save()
    assert comments.mentioned("@bob") == []


def test_nothing_is_no_comment_and_a_viewer_writes_none(two_files: Project, alice: Actor, vera: Actor) -> None:
    request = open_request(two_files, alice)
    with pytest.raises(ReasonMissing):
        comments.add(request, by=alice, text=" \n")
    with pytest.raises(PermissionRefused, match="comment on requests"):
        comments.add(request, by=vera, text="hello")

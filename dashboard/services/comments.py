"""What people write about a request: plain text, and whom it mentions."""

from __future__ import annotations

import re

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from dashboard.models import ChangeRequest, Comment
from dashboard.services import audit, limits, permissions, policies
from dashboard.services.actors import Actor

#: `@` and a user name, where no letter stands before: an address of mail mentions nobody.
MENTION = re.compile(r"(?<![\w.@+-])@([\w.+-]*\w)")


@transaction.atomic
def add(request: ChangeRequest, *, by: Actor, text: str) -> Comment:
    permissions.check_can_comment(by)
    limits.check_comments(by)
    text = policies.check_reason(text, "comment")
    comment = Comment.objects.create(
        request=request, text=text, by=by.person, at=timezone.now(), mentions=mentioned(text)
    )
    audit.record(
        audit.Event.REQUEST_COMMENTED,
        by=by,
        environment=request.environment,
        request=request,
        text=text,
        mentions=comment.mentions,
    )
    return comment


def mentioned(text: str) -> list[str]:
    """Names of people who can sign in, in the order of the text, each once."""
    names = list(dict.fromkeys(MENTION.findall(text)))
    known = set(User.objects.filter(username__in=names, is_active=True).values_list("username", flat=True))
    return [name for name in names if name in known]

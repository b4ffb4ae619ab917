"""Sessions that are over do not stay in the control database for ever."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from dashboard import tasks

pytestmark = pytest.mark.django_db


def test_only_sessions_that_are_over_go() -> None:
    now = timezone.now()
    Session.objects.create(session_key="over", session_data="", expire_date=now - timedelta(minutes=1))
    Session.objects.create(session_key="open", session_data="", expire_date=now + timedelta(minutes=1))
    tasks.forget_expired_sessions(0)
    assert [session.session_key for session in Session.objects.all()] == ["open"]

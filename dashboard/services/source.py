"""The migrations folder of this installation, read by the engine."""

from __future__ import annotations

from django.conf import settings

from dashboard.engine.files import discovery
from dashboard.engine.migration import Folder


def folder() -> Folder:
    """Raises SourceMissing or SourceUnreadable."""
    return discovery.read(settings.SOURCE)

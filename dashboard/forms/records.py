"""Why records are restored."""

from __future__ import annotations

from typing import Any

from dashboard.forms.skips import ReasonForm


class RestoreForm(ReasonForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].label = "How do you know that it is there?"

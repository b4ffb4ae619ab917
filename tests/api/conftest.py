from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are executed inside the transaction of a test, in which no other thread sees them: on a busy machine its
    heartbeat would take one for another worker's."""
    from dashboard.services import execution

    monkeypatch.setattr(execution, "HEARTBEAT", 60.0)

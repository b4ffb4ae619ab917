"""What works beside foreign bytes is started with nothing of our environment but what it cannot do without."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pytest

from dashboard.engine import localserver
from dashboard.engine.git import apart as fetching
from dashboard.engine.rehearsal import apart as rehearsing

PLACES = {"PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV"}
SECRET = (
    *("SIGNALBOX_SECRET_KEY", "SIGNALBOX_AUDIT_KEY", "SIGNALBOX_DATABASE_URL", "SIGNALBOX_REHEARSAL_URL"),
    *("SIGNALBOX_OIDC_SECRET", "SIGNALBOX_EMAIL_URL", "DATABASE_URL", "PGPASSWORD", "PGPASSFILE", "PGSERVICEFILE"),
    *("PYTHONPATH", "HOME", "AWS_SECRET_ACCESS_KEY", "GIT_ASKPASS", "A_TOKEN"),
)


class _NotStarted(Exception):
    pass


@pytest.mark.parametrize(
    ("process", "beside"),
    [(rehearsing, {localserver.BIN_DIR_VARIABLE}), (fetching, {"SSL_CERT_FILE", "SSL_CERT_DIR"})],
    ids=["rehearsal", "fetch"],
)
def test_nothing_else_is_passed_on(process: ModuleType, beside: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PLACES, *beside, *SECRET):
        monkeypatch.setenv(name, f"ours: {name}")
    started: list[Mapping[str, str]] = []

    def popen(*arguments: object, env: Mapping[str, str], **options: Any) -> None:
        started.append(env)
        raise _NotStarted

    monkeypatch.setattr(subprocess, "Popen", popen)
    with pytest.raises(_NotStarted), process._process():
        pass
    kept = {name: f"ours: {name}" for name in PLACES | beside}
    assert started == [kept | {"PYTHONPATH": str(process._ROOT)}]

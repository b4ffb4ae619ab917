"""The command line as a script meets it: exit code, stdout, stderr."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.management import call_command

from tests.wording import no_query_is_sent


@pytest.fixture(autouse=True)
def no_query_while_wording() -> Iterator[None]:
    """A presenter that asks the control database fails the test of its command."""
    with no_query_is_sent():
        yield


@dataclass(frozen=True, kw_only=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


type Signalbox = Callable[..., Answer]


@pytest.fixture
def signalbox(capsys: pytest.CaptureFixture[str]) -> Signalbox:
    """signalbox("status", "--json"): what `manage.py signalbox status --json` answers."""

    def run(*arguments: str) -> Answer:
        capsys.readouterr()
        code = 0
        try:
            call_command("signalbox", *arguments)
        except SystemExit as end:
            code = int(end.code or 0)
        printed = capsys.readouterr()
        return Answer(code=code, out=printed.out, err=printed.err)

    return run

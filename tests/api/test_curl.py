"""The calls of the source document as they stand there, against a server."""

from __future__ import annotations

import json
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from config import tokens as declared
from tests.fix_git import need

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper
    from pytest_django.live_server_helper import LiveServer

    from tests.fix_project import Project

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "0123456789abcdef0123456789abcdef"
HOST = "https://bun-migrations-production.up.railway.app"
MIGRATE = f'curl -X POST -H "Authorization: Bearer $MIGRATION_SECRET" {HOST}/migrate'
STATUS = f"curl {HOST}/status"


def curl(line: str, server: LiveServer) -> tuple[int, dict[str, object]]:
    """The line, sent to our server, with the status beside what it says."""
    program, *arguments = shlex.split(line.replace(HOST, server.url).replace("$MIGRATION_SECRET", SECRET))
    sent = [need(program), "--silent", "--write-out", "\n%{http_code}", *arguments]
    done = subprocess.run(sent, capture_output=True, text=True, timeout=60, check=True)
    content, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(content)


def test_the_lines_of_the_source_document_are_answered(
    live_server: LiveServer, settings: SettingsWrapper, two_files: Project
) -> None:
    settings.MIGRATION_SECRET = declared.load({declared.VARIABLE: SECRET})
    status, asked = curl(MIGRATE, live_server)
    assert (status, asked["success"], "waits for approval" in str(asked["message"])) == (202, False, True)
    status, refused = curl(STATUS, live_server)
    assert (status, refused["code"]) == (401, "token_refused"), "how production stands is for nobody who passes by"
    status, stands = curl(STATUS.replace("curl", 'curl -H "Authorization: Bearer $MIGRATION_SECRET"'), live_server)
    assert (status, stands["applied"], stands["pending"], stands["latest"]) == (200, 0, 2, None)

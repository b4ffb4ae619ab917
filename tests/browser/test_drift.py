"""Someone changes production by hand: it is found, read, and accepted; a file is edited after it was applied."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import expect

from tests.browser import demo as demos
from tests.browser.axe import violations
from tests.browser.conftest import Enter
from tests.browser.demo import Demo

HOTFIX = """
ALTER TABLE platform.users ADD hotfix boolean DEFAULT false;
CREATE TABLE platform.copy_of_users AS SELECT id, email FROM platform.users;
"""


@pytest.fixture
def edited_demo(demo_home: Path, tmp_path: Path) -> Iterator[Demo]:
    """Of 005 the comments were edited, of 002 the SQL."""
    folder = demos.source(tmp_path)
    comments, sql = folder / "005_create_audit_logs.sql", folder / "002_platform_billing_schema.sql"
    comments.write_text(f"-- Read in November\n{comments.read_text()}")
    sql.write_text(f"{sql.read_text()}\nSELECT 1;\n")
    with demos.copied(demo_home, folder) as running:
        yield running


def test_a_change_by_hand_is_found_and_accepted(own_demo: Demo, enter: Enter) -> None:
    bob = enter(own_demo, "bob")
    server = json.loads((own_demo.home / "postgres" / "server.json").read_text())
    url = f"postgresql://postgres:{server['password']}@127.0.0.1:{server['port']}/production"
    with psycopg.connect(url, autocommit=True) as target:
        target.execute(HOTFIX)
    bob.goto("/environments/production/")
    bob.get_by_role("button", name="Check now").click()
    live = bob.locator("#live")
    expect(live).to_contain_text("4 objects were changed outside Signalbox.")
    expect(live).to_contain_text("Checked just now by bob.")
    expect(live).to_contain_text("table platform.copy_of_users: added, with 2 columns")
    assert violations(bob) == []
    bob.goto("/compare/")
    expect(bob.locator("main")).to_contain_text("Not explained by a migration")
    assert violations(bob) == []
    bob.goto("/")
    bob.get_by_role("link", name="Production: 4 objects of its schema were changed outside Signalbox.").click()
    bob.get_by_label("Why is it right as it is?").fill("The hotfix of Tuesday night")
    bob.get_by_label(re.compile("^Type production")).fill("production")
    bob.get_by_role("button", name="Accept this schema").click()
    expect(live).to_contain_text("As bob accepted it.")


def test_edited_files_are_read_and_their_comments_accepted(edited_demo: Demo, enter: Enter) -> None:
    alice = enter(edited_demo, "alice")
    alice.goto("/migrations/002/platform_billing_schema/")
    expect(alice.get_by_role("region", name="002_platform_billing_schema.sql", exact=True)).to_contain_text("SELECT 1;")
    assert violations(alice) == []
    alice.goto("/environments/staging/edited/")
    assert violations(alice) == []
    with alice.expect_download() as download:
        alice.get_by_role("link", name="Download it as it was applied").click()
    assert "SELECT 1;" not in download.value.path().read_text()
    alice.get_by_role("button", name="Accept the edited comments").click()
    expect(alice.get_by_role("heading", level=1)).to_contain_text("Accept the edited comments of 005 on Staging")
    expect(alice.locator("#progress")).to_contain_text("Succeeded")

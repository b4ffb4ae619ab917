"""What of a session that is gone can be made again, told by the text of the statements."""

from __future__ import annotations

import pytest

from dashboard.engine.sql import session_state, statements

LOST_SETTINGS = [
    "DO $$ BEGIN SET ROLE app; END $$",
    "DO $$ BEGIN EXECUTE format('SET search_path TO %I', 'app'); END $$",
    "DO $$ BEGIN SET SESSION AUTHORIZATION app; END $$",
    "DO $$ BEGIN -- update all and\n SET search_path = app; END $$",
    "DO $$ BEGIN PERFORM set_config('role', 'app', false); END $$",
    "DO $$ BEGIN RESET ALL; END $$",
    "SELECT set_config('search_path', name, false) FROM cfg",
    "SELECT set_config('search_path', (SELECT name FROM cfg), false)",
    "SELECT set_config('search_path', 'app', false) WHERE EXISTS (SELECT FROM cfg)",
    "INSERT INTO cfg SELECT set_config('search_path', 'app', false)",
    "CALL public.anything(set_config('search_path', 'app', false))",
]


@pytest.mark.parametrize("lost", LOST_SETTINGS)
def test_a_setting_that_cannot_be_made_again_counts_as_lost(lost: str) -> None:
    script = statements.split(f"SELECT 1; {lost}; CREATE TABLE two (id int)")
    assert session_state.lost_before(script, 3) == script[1]
    assert session_state.lost_before(script, 2) is None
    assert session_state.lost_before(script[:2], 3) is None


KEPT_OR_HARMLESS = [
    "SELECT set_config('search_path', 'app', false)",
    "SELECT set_config('search_path', 'app, ' || current_setting('search_path'), false)",
    "SELECT set_config('app.tenant', name, true) FROM cfg",
    "CALL public.backfill(100)",
    "SELECT backfill(100)",
    "DO $$ BEGIN UPDATE people SET role = 'admin'; UPDATE public.people p SET role = 'x'; END $$",
    "DO $$ BEGIN SET LOCAL search_path = app; PERFORM set_config('app.tenant', 'a', true); END $$",
    "DO $$ BEGIN ALTER FUNCTION public.f() SET search_path = ''; END $$",
    "CREATE FUNCTION f() RETURNS text RETURN set_config('role', 'app', false)",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET search_path = '' AS 'SELECT 1'",
]


@pytest.mark.parametrize("text", KEPT_OR_HARMLESS)
def test_a_file_that_loses_no_setting_can_be_continued(text: str) -> None:
    assert session_state.lost_before(statements.split(f"{text}; CREATE TABLE two (id int)"), 2) is None

"""Plans made from a target as it is now."""

from __future__ import annotations

import pytest

from dashboard.engine.errors import PlanBlocked
from dashboard.services import plans
from tests.fix_project import Project

pytestmark = pytest.mark.django_db

VIRTUAL = "CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a) VIRTUAL);"


def test_a_plan_stops_before_a_file_that_the_server_refuses(two_files: Project) -> None:
    two_files.write(_003_t=VIRTUAL)
    plan = plans.apply(two_files.staging)
    assert [step.version for step in plan.steps] == ["001", "002"]
    assert "of Staging refuses the file" in plan.stops_before
    with pytest.raises(PlanBlocked, match="003_t stands in the way: PostgreSQL"):
        plans.apply(two_files.staging, upto="003")


def test_what_is_settled_is_not_asked_about(two_files: Project) -> None:
    two_files.write(_001_users=VIRTUAL, _002_orders=VIRTUAL)
    two_files.query(
        two_files.staging,
        "CREATE SCHEMA platform; CREATE TABLE platform.schema_migrations (version text PRIMARY KEY, name text, "
        "checksum text, success boolean, applied_at timestamptz, execution_time_ms int, error_message text, "
        "rollback_script text); INSERT INTO platform.schema_migrations (version, name, checksum, success) "
        "VALUES ('001', 'users', 'manual', true)",
    )
    with pytest.raises(PlanBlocked, match="002_orders stands in the way"):
        plans.apply(two_files.staging)

"""One target that nobody can read hides none of the others, and says by itself what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from dashboard.local import targets as local
from dashboard.models import Observation
from dashboard.services import observations, targets
from tests.fix_project import PLAIN_ROLE, Project

pytestmark = pytest.mark.django_db

HISTORY = """
CREATE SCHEMA platform;
CREATE TABLE platform.schema_migrations (version text PRIMARY KEY, name text, checksum text,
    success boolean, applied_at timestamptz, execution_time_ms int, error_message text, rollback_script text);
"""


@pytest.fixture
def project_of_role(as_plain_role: Project) -> Project:
    """Staging, which is looked at first, has a history and is reached by a role that is no superuser."""
    as_plain_role.query(as_plain_role.staging, HISTORY)
    return as_plain_role


GRANTS = f"GRANT USAGE ON SCHEMA platform TO {PLAIN_ROLE}; GRANT SELECT ON platform.schema_migrations TO {PLAIN_ROLE}"

#: What is done to the first of two targets, the code of what is said of it, and what the advice holds.
BAD = [
    pytest.param("SELECT 1", "right_missing", "GRANT USAGE ON SCHEMA platform TO plain", id="no right on the schema"),
    pytest.param(
        f"GRANT USAGE ON SCHEMA platform TO {PLAIN_ROLE}", "right_missing", "GRANT SELECT", id="no right on the table"
    ),
    pytest.param(
        f"{GRANTS}; REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC",
        "right_missing",
        "GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() TO plain",
        id="no right to tell which database it is",
    ),
    pytest.param(
        f"{GRANTS}; ALTER TABLE platform.schema_migrations ENABLE ROW LEVEL SECURITY",
        "tracking_unusable",
        "CREATE POLICY signalbox ON platform.schema_migrations TO plain",
        id="rows hidden by a policy",
    ),
    pytest.param(
        f"{GRANTS}; ALTER TABLE platform.schema_migrations DROP COLUMN success",
        "tracking_unusable",
        "Add the missing columns",
        id="no history",
    ),
]


@pytest.mark.parametrize(("spoil", "code", "advice"), BAD)
def test_a_target_that_cannot_be_read_hides_no_other(
    project_of_role: Project, spoil: str, code: str, advice: str
) -> None:
    project_of_role.query(project_of_role.staging, spoil)
    observations.refresh_all()
    bad, good = (Observation.objects.get(pk=slug) for slug in ("staging", "production"))
    assert good.ok
    assert not bad.ok
    assert bad.failure["code"] == code
    assert advice in bad.failure["remedy"]


@contextmanager
def held(project: Project) -> Iterator[None]:
    with project.databases["staging"].connect() as other, other.transaction():
        other.execute("LOCK TABLE platform.schema_migrations IN ACCESS EXCLUSIVE MODE")
        yield


def test_a_locked_history_is_called_locked_and_hides_no_other(
    project_of_role: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project_of_role.query(project_of_role.staging, GRANTS)
    monkeypatch.setitem(targets.connection.LOOKING, "lock_timeout", "200ms")
    with held(project_of_role):
        observations.refresh_all()
    assert Observation.objects.get(pk="production").ok
    failure = Observation.objects.get(pk="staging").failure
    assert failure["code"] == "tracking_locked"
    assert "is locked, or did not answer in time" in failure["sentence"]
    assert "Rename" not in failure["remedy"]
    observations.refresh_all()
    assert Observation.objects.get(pk="staging").ok


def test_a_target_that_answers_with_what_nobody_foresaw_hides_no_other(
    project: Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    read = local.read

    def broken(environment, access, **options):  # type: ignore[no-untyped-def]
        if environment.slug == "staging":
            raise ZeroDivisionError
        return read(environment, access, **options)

    monkeypatch.setattr(local, "read", broken)
    observations.refresh_all()
    assert Observation.objects.get(pk="production").ok
    assert Observation.objects.get(pk="staging").failure["code"] == "not_read"
    assert "The look at staging failed" in caplog.text


def test_each_look_is_kept_as_it_comes(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is silent until the second has been kept."""
    import time

    read = local.read
    kept: list[bool] = []

    def slow(environment, access, **options):  # type: ignore[no-untyped-def]
        if environment.slug == "staging":
            time.sleep(1.5)
        return read(environment, access, **options)

    keep: Callable[..., object] = observations._keep

    def noting(environment, target):  # type: ignore[no-untyped-def]
        kept.append(environment.slug)
        return keep(environment, target)

    monkeypatch.setattr(local, "read", slow)
    monkeypatch.setattr(observations, "_keep", noting)
    observations.refresh_all()
    assert kept == ["production", "staging"]

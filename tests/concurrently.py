"""Statements with CONCURRENTLY that break off on an environment of the project, half done."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tests.services.workflow import run_on_staging
from tests.waiting import wait_until

if TYPE_CHECKING:
    from dashboard.models import Run
    from dashboard.services.actors import Actor
    from tests.fix_project import Project

BASE = (
    "CREATE TABLE other (id int); CREATE UNIQUE INDEX key ON other (id);"
    "CREATE TABLE parted (id int) PARTITION BY LIST (id); CREATE TABLE part PARTITION OF parted FOR VALUES IN (1);"
)
DETACH = "ALTER TABLE parted DETACH PARTITION part CONCURRENTLY"
WAYS_ON = {
    "CREATE INDEX CONCURRENTLY made ON other (id)": "DROP INDEX CONCURRENTLY public.made",
    "CREATE INDEX CONCURRENTLY ON other (id)": "DROP INDEX CONCURRENTLY public.other_id_idx",
    "DROP INDEX CONCURRENTLY key": "DROP INDEX CONCURRENTLY public.key",
    "REINDEX TABLE CONCURRENTLY other": "DROP INDEX CONCURRENTLY public.key_ccnew",
    DETACH: "ALTER TABLE public.parted DETACH PARTITION public.part FINALIZE",
}


def broken_off(project: Project, by: Actor, text: str) -> Run:
    """The run of 002, cancelled by somebody else while it waits for a session that has written to the tables."""
    project.write(_001_base=BASE)
    run_on_staging(project, by)
    project.write(_002_next=text)
    database = project.databases["staging"]
    of_waiting = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"

    def cancel() -> None:
        wait_until(lambda: database.query(f"SELECT count(*) {of_waiting}")[0][0])
        database.query(f"SELECT pg_cancel_backend(pid) {of_waiting}")

    with database.connect(autocommit=False) as application:
        application.execute("INSERT INTO other VALUES (1); INSERT INTO parted VALUES (1)")
        thread = threading.Thread(target=cancel)
        thread.start()
        try:
            return run_on_staging(project, by)
        finally:
            thread.join()
            application.rollback()

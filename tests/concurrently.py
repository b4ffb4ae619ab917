"""Statements with CONCURRENTLY that break off half done, because another session holds what they wait for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.services.workflow import run_on_staging
from tests.waiting import wait_until

if TYPE_CHECKING:
    from dashboard.models import Run
    from dashboard.services.actors import Actor
    from tests.fix_postgres import Database
    from tests.fix_project import Project

BASE = (
    "CREATE TABLE other (id int); CREATE UNIQUE INDEX key ON other (id);"
    "CREATE TABLE parted (id int) PARTITION BY LIST (id); CREATE TABLE part PARTITION OF parted FOR VALUES IN (1);"
)
WAITING = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND state = 'active' AND datname = current_database()"
DETACH = "ALTER TABLE parted DETACH PARTITION part CONCURRENTLY"
WAYS_ON = {
    "CREATE INDEX CONCURRENTLY made ON other (id)": "DROP INDEX CONCURRENTLY public.made",
    "CREATE INDEX CONCURRENTLY ON other (id)": "DROP INDEX CONCURRENTLY public.other_id_idx",
    "DROP INDEX CONCURRENTLY key": "DROP INDEX CONCURRENTLY public.key",
    "REINDEX TABLE CONCURRENTLY other": "DROP INDEX CONCURRENTLY public.key_ccnew",
    DETACH: "ALTER TABLE public.parted DETACH PARTITION public.part FINALIZE",
}


def while_others_write[T](database: Database, work: Callable[[], T], *, once_it_waits: Callable[[], object]) -> T:
    """`work` while another session has written to the tables and not committed; it ends when the call was made."""

    def call() -> None:
        wait_until(lambda: database.query(f"SELECT count(*) {WAITING}")[0][0])
        once_it_waits()

    with database.connect(autocommit=False, application_name="the application") as application:
        application.execute("INSERT INTO other VALUES (1); INSERT INTO parted VALUES (1)")
        thread = threading.Thread(target=call)
        thread.start()
        try:
            return work()
        finally:
            thread.join()
            application.rollback()


def cancel_whoever_waits(database: Database) -> None:
    database.query(f"SELECT pg_cancel_backend(pid) {WAITING}")


def broken_off(project: Project, by: Actor, text: str) -> Run:
    """The run of 002, cancelled by somebody else while it waits for a session that has written to the tables."""
    project.write(_001_base=BASE)
    run_on_staging(project, by)
    project.write(_002_next=text)
    database = project.databases["staging"]
    return while_others_write(
        database, lambda: run_on_staging(project, by), once_it_waits=lambda: cancel_whoever_waits(database)
    )

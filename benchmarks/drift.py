"""How long a check for drift takes: the look at the target, the comparison, and keeping it in the control database."""

from __future__ import annotations

import os

import django
import psycopg

from benchmarks.schema import TABLES, fill, median
from dashboard.engine import localserver


def main() -> None:
    with localserver.running(ephemeral=True) as server:
        os.environ |= {
            "SIGNALBOX_DATABASE_URL": server.create_database("control"),
            "DATABASE_URL_DEV": server.create_database("bench"),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "SIGNALBOX_SECRET_KEY": "for this benchmark",
            "SIGNALBOX_LOG_LEVEL": "ERROR",
        }
        django.setup()
        with psycopg.connect(os.environ["DATABASE_URL_DEV"], autocommit=True) as connection:
            fill(connection)
            _measure(connection)


def _measure(target: psycopg.Connection) -> None:
    from django.core.management import call_command
    from django.db import connection

    from dashboard.engine.schema import drift as engine
    from dashboard.models import DriftCheck, environments
    from dashboard.selectors import drift as selector
    from dashboard.services import drift, targets
    from dashboard.services.actors import SIGNALBOX

    call_command("migrate", verbosity=0)
    environment = environments.get("development")
    look_s = median(lambda: engine.look(targets.access(environment)))
    drift.check(environment, by=SIGNALBOX)
    clean_s = median(lambda: drift.check(environment, by=SIGNALBOX))
    target.execute("ALTER TABLE app.t500 DROP archived CASCADE")
    drifted_s = median(lambda: drift.check(environment, by=SIGNALBOX))
    state_s = median(lambda: selector.states([environment]))
    last = DriftCheck.objects.latest("id")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_column_size(schema) FROM dashboard_snapshot")
        stored = cursor.fetchone()[0]
    print(f"{TABLES} tables, {last.differing} objects differ in the end; a schema takes {stored / 1024:.0f} kB to keep")
    print(f"look             {look_s:7.3f} s")
    print(f"check, in line   {clean_s:7.3f} s")
    print(f"check, drifted   {drifted_s:7.3f} s")
    print(f"what a page asks {state_s * 1000:6.1f} ms")


if __name__ == "__main__":
    main()

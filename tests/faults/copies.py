"""A copy of the control database, made as people make one, and a second Signalbox that works on it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from django.db import connection

from dashboard.engine.localserver import LocalServer
from tests.faults.trial import Trial


def dumped(server: LocalServer, name: str) -> str:
    """Made anew from a dump, while the original is in use: the name of the copy."""
    original = connection.settings_dict["NAME"]
    server.create_database(name)
    programs = server.installation.bin_dir
    dump = subprocess.run(
        [programs / "pg_dump", "--format=custom", server.url(original)], check=True, capture_output=True
    )
    subprocess.run(
        [programs / "pg_restore", "--exit-on-error", "--dbname", server.url(name)],
        check=True,
        capture_output=True,
        input=dump.stdout,
    )
    return name


def templated(server: LocalServer, name: str) -> str:
    """CREATE DATABASE ... TEMPLATE, which wants nobody connected to the original."""
    original = str(connection.settings_dict["NAME"])
    connection.close()
    server.create_database(name, original)
    return name


@contextmanager
def working_on(name: str) -> Iterator[None]:
    """This process is the other Signalbox meanwhile."""
    original = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = original


def of(trial: Trial, name: str) -> Trial:
    """The same files and the same target, for workers whose control database is the copy."""
    return replace(trial, site=replace(trial.site, control={**trial.site.control, "NAME": name}))

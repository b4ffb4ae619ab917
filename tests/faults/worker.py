"""What a worker process of the suite does: what the queue's tasks do, in a process that can be killed and frozen.

Forked from a clean process that has Django ready, because a fresh interpreter takes a second and there are hundreds.
"""

from __future__ import annotations

import importlib
import os
import resource
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import django
from django.apps import apps

if not apps.ready:
    django.setup()

from django.conf import settings
from django.db import connection

from config.environments import Environment
from dashboard.models import Run
from dashboard.services import execution
from tests.faults import naive


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where a worker works. `tuned` replaces constants, so that nobody waits twenty seconds for a lease:
    {"dashboard.services.runs.LEASE": timedelta(seconds=1)}."""

    control: Mapping[str, Any]
    environments: tuple[Environment, ...]
    source: Path
    log: Path
    tuned: Mapping[str, Any] = field(default_factory=dict)


def look_at_nothing(run: Run) -> None:
    """In place of the looks at the schema around a run."""


#: For what is about the run itself: the looks before and after it take longer than a short run, on a line of their own.
#: The crash points have them.
WITHOUT_LOOKS = {
    "dashboard.services.drift.before_run": look_at_nothing,
    "dashboard.services.drift.after_run": look_at_nothing,
}


def main(site: Site, job: str, run_id: int, fault: str) -> None:
    os.environ.update(SIGNALBOX_TESTING="1", SIGNALBOX_FAULT=fault)
    say_into(site.log)
    connection.settings_dict.update(site.control)
    connection.settings_dict["OPTIONS"] |= {"application_name": session_name(os.getpid())}
    settings.ENVIRONMENTS, settings.SOURCE = site.environments, site.source
    for name, value in site.tuned.items():
        module, _, constant = name.rpartition(".")
        setattr(importlib.import_module(module), constant, value)
    JOBS[job](run_id)
    connection.close()
    sys.stdout.write(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss} kB\n")
    sys.stdout.flush()


def session_name(pid: int) -> str:
    """Of a worker in the control database."""
    return f"worker {pid}"


def naive_main(log: Path, fault: str, arguments: dict[str, Any]) -> None:
    os.environ.update(SIGNALBOX_TESTING="1", SIGNALBOX_FAULT=fault)
    say_into(log)
    naive.run(**arguments)


def _find_and_recover(run_id: int) -> None:
    execution.find_lost()
    execution.recover(run_id)


JOBS: dict[str, Callable[[int], None]] = {"execute": execution.execute, "recover": _find_and_recover}


def say_into(log: Path) -> None:
    """What it says on its way is for whoever looks into a failure, not for the terminal."""
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.close(said)

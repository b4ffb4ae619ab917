"""Looks at targets and keeps what was seen, so that pages read only the control database."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from django.utils import timezone

from dashboard.engine.errors import EngineError
from dashboard.engine.planner import Target
from dashboard.models import Observation, environments
from dashboard.models.environments import Environment
from dashboard.services import targets


def refresh(environment: Environment) -> Observation:
    """Look now and keep it. A failed look keeps the last good one beside the reason."""
    return _keep(environment, _look(environment))


def refresh_all(chosen: Iterable[Environment] | None = None) -> None:
    """Look at all at once: one that does not answer holds up no other."""
    looked_at = [e for e in (chosen or environments.all_environments()) if e.configured]
    if not looked_at:
        return
    with ThreadPoolExecutor(max_workers=len(looked_at)) as pool:
        for environment, seen in zip(looked_at, pool.map(_look, looked_at), strict=True):
            _keep(environment, seen)


def _look(environment: Environment) -> Target | EngineError:
    try:
        return targets.look(environment)
    except EngineError as error:
        return error


def _keep(environment: Environment, seen: Target | EngineError) -> Observation:
    now = timezone.now()
    values: dict[str, Any] = {"tried_at": now, "ok": isinstance(seen, Target), "failure": None}
    if isinstance(seen, Target):
        values |= {"seen_at": now, "history": seen.history.to_dict(), "identity": asdict(seen.identity)}
    else:
        values["failure"] = {"code": seen.code, "sentence": str(seen), "next_step": seen.next_step}
    observation, _ = Observation.objects.update_or_create(environment=environment.slug, defaults=values)
    return observation

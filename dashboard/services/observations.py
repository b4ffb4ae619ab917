"""Looks at targets and keeps what was seen, so that pages read only the control database."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.utils import timezone

from dashboard.engine.errors import EngineError
from dashboard.engine.plan import Target, TargetIdentity
from dashboard.models import Observation, environments
from dashboard.models.environments import Environment
from dashboard.models.failures import Failure
from dashboard.selectors import observations
from dashboard.services import targets


def refresh(environment: Environment) -> Observation:
    """Look now and keep it. A failed look keeps the last good one beside the reason; so does another database."""
    return _keep(environment, targets.read_or_error(environment, expected=observations.bound_to(environment)))


def refresh_all(chosen: Iterable[Environment] | None = None) -> None:
    """Look at all at once, and keep each as it comes: one that does not answer, or answers with what nobody can read,
    holds up no other."""
    looked_at = [e for e in (chosen or environments.all_environments()) if e.configured]
    if not looked_at:
        return
    bound = observations.bindings(looked_at)
    with ThreadPoolExecutor(max_workers=len(looked_at)) as pool:
        looks = {pool.submit(targets.read_or_error, e, expected=bound.get(e.slug)): e for e in looked_at}
        for look in as_completed(looks):
            _keep(looks[look], look.result())


def rebind(environment: Environment, target: Target, *, before: TargetIdentity) -> bool:
    """Keep a look at another database than `before`, to which the environment is bound from now on.
    False when someone else was first."""
    bound = Observation.objects.filter(pk=environment.slug, identity=asdict(before))
    return bool(bound.update(**_values(target)))


@transaction.atomic
def _keep(environment: Environment, answer: Target | EngineError) -> Observation:
    kept = Observation.objects.select_for_update().filter(pk=environment.slug).first()
    bound = observations.identity_in(kept) if kept else None
    if kept and bound and isinstance(answer, Target) and answer.identity != bound:
        return kept  # it was bound to another database while this look was under way
    observation, _ = Observation.objects.update_or_create(environment=environment.slug, defaults=_values(answer))
    return observation


def _values(answer: Target | EngineError) -> dict[str, Any]:
    now = timezone.now()
    values: dict[str, Any] = {"tried_at": now, "ok": isinstance(answer, Target), "failure": None}
    if isinstance(answer, Target):
        return values | {"seen_at": now, "history": answer.history.to_dict(), "identity": asdict(answer.identity)}
    return values | {"failure": Failure.of(answer).to_dict()}

"""The API for people to read: its operations, and every kind of problem, made from the same code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from config.tokens import Scope
from dashboard.api import problems
from dashboard.api.v1 import service
from dashboard.engine.errors import EngineError
from dashboard.presenters import answers
from dashboard.presenters.tokens import SCOPES


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRow:
    verb: str
    path: str
    summary: str
    description: str
    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemRow:
    code: str
    status: int
    sentence: str
    advice: str


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    context = {
        "operations": list(_operations(service.document())),
        "scopes": [(scope.value, SCOPES[scope]) for scope in Scope],
        "problems": sorted(_problems(), key=lambda row: row.code),
        "base": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "api/index.html", context)


def _operations(document: dict[str, Any]) -> Iterator[OperationRow]:
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            yield OperationRow(
                verb=verb.upper(),
                path=path,
                summary=operation["summary"],
                description=operation.get("description", ""),
                scope=operation["x-signalbox-scope"],
            )


def _problems() -> Iterator[ProblemRow]:
    """One row a code; facts in braces are those of the case."""
    for each in problems.OF_CALLS:
        yield ProblemRow(code=each.code, status=each.status, sentence=each.sentence, advice=each.advice)
    known = {EngineError.code}
    for kind in _below(EngineError):
        if kind.code not in known:
            known.add(kind.code)
            yield ProblemRow(code=kind.code, status=_status(kind), sentence=kind.sentence, advice=kind.advice)


def _status(kind: type[EngineError]) -> int:
    return next((status for of, status in answers.STATUS if issubclass(kind, of)), 422)


def _below(kind: type[EngineError]) -> Iterator[type[EngineError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)

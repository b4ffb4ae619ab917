"""Our own rules: one module each, found by looking. The module's name is the rule's id, with hyphens.

A rule module has a docstring, its contract, and `check(linted, context)`, which yields a Hit for each place.
It may have `KINDS`, names of messages in parse trees: a script that holds none of them is not looked at. And
`applies(context)`: False where nothing is known that the rule could judge by.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.script import LintedScript


class Rule(Protocol):
    def check(self, linted: LintedScript, context: LintContext) -> Iterator[Hit]: ...


def _load() -> Mapping[str, Rule]:
    names = sorted(module.name for module in iter_modules(__path__))
    return {name.replace("_", "-"): import_module(f"{__name__}.{name}") for name in names}


RULES: Mapping[str, Rule] = _load()

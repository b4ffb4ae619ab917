"""WCAG 2.0, 2.1 and 2.2, levels A and AA, as far as a machine can tell: axe, light and dark, wide and narrow."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

WIDTHS = (1280, 375)
RULES = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
#: In the dark, the same page has other colours and nothing else.
RULES_IN_THE_DARK = {"type": "rule", "values": ["color-contrast"]}


def violations(page: Page) -> list[str]:
    """What a reader can unfold is read as well. The page stays light and narrow."""
    page.evaluate("for (const details of document.querySelectorAll('details:not(.menu)')) details.open = true")
    page.evaluate(AXE_SCRIPT)
    return [
        f"{width} px, {scheme}: {line}"
        for scheme, rules in (("dark", RULES_IN_THE_DARK), ("light", RULES))
        for width in WIDTHS
        for line in _found(page, scheme, width, rules)
    ]


def _found(page: Page, scheme: str, width: int, rules: dict[str, Any]) -> list[str]:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 800})
    options = {"runOnly": rules, "resultTypes": ["violations"]}
    reported = page.evaluate("options => axe.run(options).then(results => results.violations)", options)
    return [_line(violation, node) for violation in reported for node in violation["nodes"]]


def _line(violation: dict[str, Any], node: dict[str, Any]) -> str:
    return f"{violation['id']}: {node['html'][:160]} ({node['failureSummary'].splitlines()[-1].strip()})"

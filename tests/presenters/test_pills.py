"""Every pill of every presenter: words, a tone that has a colour, an icon that is drawn."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from django.template.loader import render_to_string

from dashboard import presenters
from dashboard.presenters.pills import Pill
from tests.presenters import values

STYLES = Path(__file__).parents[2] / "dashboard" / "static" / "dashboard" / "css"


def _pills() -> Iterator[Any]:
    """Each that a presenter names at its top, by itself or in a table."""
    for module in pkgutil.walk_packages(presenters.__path__, f"{presenters.__name__}."):
        held = vars(importlib.import_module(module.name))
        for name, value in held.items():
            for key, pill in value.items() if isinstance(value, Mapping) else [("", value)]:
                if isinstance(pill, Pill):
                    yield pytest.param(pill, id=f"{module.name.rpartition('.')[2]}.{name}{f'[{key}]' if key else ''}")


PILLS = list(_pills())


def test_there_are_many():
    assert len(PILLS) > 60


@pytest.mark.parametrize("pill", PILLS)
def test_it_has_words_a_tone_and_an_icon(pill: Pill):
    values.assert_sound(pill)
    assert pill.label == pill.label.strip()
    assert pill.label[0].isupper()


@pytest.mark.parametrize("tone", sorted(values.TONES))
def test_every_tone_has_a_colour(tone: str):
    styles = "".join(path.read_text(encoding="utf-8") for path in STYLES.rglob("*.css"))
    assert f'[data-tone="{tone}"]' in styles


@pytest.mark.parametrize("pill", PILLS)
def test_nothing_bad_looks_good(pill: Pill):
    """What has the icon of a failure never has a quiet colour, and a tick never an alarming one."""
    if pill.icon == "fail":
        assert pill.tone == "danger"
    if pill.icon == "ok":
        assert pill.tone in {"ok", "muted", "warn"}
    if pill.tone == "danger":
        assert pill.icon != "ok"


def test_on_the_page_it_shows_all_three_and_escapes_its_words():
    html = render_to_string("_components/status_pill.html", {"pill": Pill(label="<b>", tone="warn", icon="fail")})
    assert 'data-tone="warn"' in html
    assert "#i-fail" in html
    assert "&lt;b&gt;" in html

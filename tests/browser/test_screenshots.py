"""Pictures of every page, light and dark, wide and narrow: `make screenshots`, then look at them."""

from __future__ import annotations

import os

import pytest

from tests.browser.conftest import Enter, look_at
from tests.browser.demo import ROOT, Demo
from tests.browser.pages import VIEWS, View

pytestmark = pytest.mark.screenshots

FOLDER = ROOT / "screenshots"
DOCS = ROOT / "docs" / "images"
SCHEMES = ("light", "dark")
WIDTHS = (1280, 375)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_it_takes_a_picture(view: View, demo: Demo, enter: Enter) -> None:
    page = enter(demo, view.who)
    look_at(page, view)
    for scheme in SCHEMES:
        for width in WIDTHS:
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 800})
            page.screenshot(path=FOLDER / f"{view.name}-{scheme}-{width}.png", full_page=True)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_picture_of_the_readme_is_small(scheme: str, demo: Demo, enter: Enter) -> None:
    """Kept in docs/images only with DOCS=1: it differs each time by the minutes it shows."""
    page = enter(demo, "bob", scheme=scheme, scale=0.7)
    page.goto("/")
    foot = page.locator("footer").bounding_box()
    assert foot is not None
    above_it = {"x": 0, "y": 0, "width": 1280, "height": foot["y"] - 32}
    picture = page.screenshot(full_page=True, clip=above_it)
    assert len(picture) < 150_000
    if os.environ.get("DOCS"):
        DOCS.mkdir(exist_ok=True)
        (DOCS / f"overview-{scheme}.png").write_bytes(picture)

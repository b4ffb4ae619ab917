from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from dashboard.cli import picture
from tests.cli.conftest import Signalbox

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "images" / "path.svg"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def drawn(signalbox: Signalbox) -> str:
    answer = signalbox("picture")
    assert (answer.code, answer.err) == (0, "")
    return answer.out


def test_the_committed_picture_is_up_to_date(drawn: str):
    assert PICTURE.read_text(encoding="utf-8") == drawn, "run: manage.py signalbox picture > docs/images/path.svg"


def test_it_has_a_name_and_a_description(drawn: str):
    svg = ElementTree.fromstring(drawn)
    assert svg.get("role") == "img"
    for identifier in (svg.get("aria-labelledby") or "").split():
        (named,) = svg.findall(f"*[@id='{identifier}']")
        assert named.text


def test_everything_in_it_is_inside_its_frame(drawn: str):
    for box in ElementTree.fromstring(drawn).iter(f"{SVG}rect"):
        left, top, width, height = (int(box.attrib[name]) for name in ("x", "y", "width", "height"))
        assert 0 <= left <= left + width <= picture.WIDTH
        assert 0 <= top <= top + height <= picture.HEIGHT


@pytest.mark.parametrize("module", [module for stage in picture.PATH for module in (stage.module, stage.answer)])
def test_every_module_in_it_exists(module: str):
    assert (ROOT / "dashboard" / module).exists(), f"correct PATH in dashboard/cli/picture.py: {module}"

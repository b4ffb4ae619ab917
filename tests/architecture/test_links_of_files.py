"""Addresses of pages about files are made in one place, where the source comes with them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINKS = ROOT / "dashboard" / "presenters" / "links.py"
_PAGES = r"""["'](?:migration|migrations|problems)["']"""
MADE = re.compile(rf"(?:\breverse\(|\bredirect\(|{{%\s*url)\s*{_PAGES}")


def test_the_source_is_named_wherever_a_page_about_files_is_linked() -> None:
    files = [*(ROOT / "dashboard").rglob("*.py"), *(ROOT / "templates").rglob("*.html")]
    made = [str(file.relative_to(ROOT)) for file in files if MADE.search(file.read_text(encoding="utf-8"))]
    assert made == [str(LINKS.relative_to(ROOT))]

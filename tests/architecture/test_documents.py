"""What the documents name exists, and what exists is in the documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

from tests.architecture.source import ROOT

DASHBOARD = ROOT / "dashboard"
DECISIONS = ROOT / "docs" / "decisions"
RECORDS = sorted(DECISIONS.glob("[0-9]*.md"))
DOCUMENTS = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DECISIONS.glob("*.md"), *(ROOT / "docs").glob("[A-Z]*.md")]
)
SECTIONS = ["Context", "Options considered", "Decision", "Consequences"]


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


# Decisions


def test_every_decision_is_in_the_index_under_its_title() -> None:
    listed = re.findall(r"^\| ([0-9]+) \| \[(.+)\]\((.+)\) \|$", read(DECISIONS / "README.md"), re.MULTILINE)
    written = [(*re.findall(r"\A# ([0-9]+)\. (.+)", read(record))[0], record.name) for record in RECORDS]
    assert listed == written, "docs/decisions/README.md: one row for each record, in their order"


def test_every_number_has_a_record_or_a_word_why_there_is_none() -> None:
    rows = re.findall(r"^\| ([0-9]+)(?: to ([0-9]+))? \|", read(DECISIONS / "README.md"), re.MULTILINE)
    numbers = chain.from_iterable(range(int(first), int(last or first) + 1) for first, last in rows)
    assert [*numbers] == [*range(1, int(RECORDS[-1].name[:4]) + 1)]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_every_decision_tells_what_was_considered(record: Path) -> None:
    number = int(record.name[:4])
    assert read(record).startswith(f"# {number}. ")
    assert re.findall(r"^## (.+)", read(record), re.MULTILINE) == SECTIONS


# Words


def terms() -> list[str]:
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| [^|]*\|$", read(ROOT / "docs" / "GLOSSARY.md"), re.MULTILINE)
    return [term for row in rows for term in row.split(", ") if row not in {"term", "state", "---"}]


@cache
def code() -> str:
    """Code and templates as words: ChangeRequest and change_request both read "change request"."""
    sources = [path for top in (DASHBOARD, ROOT / "config") for path in top.rglob("*.py")]
    text = "\n".join(map(read, [*sources, *(ROOT / "templates").rglob("*.html")]))
    return re.sub(r"[_\s-]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)).lower()


@pytest.mark.parametrize("term", terms())
def test_every_term_of_the_glossary_is_used(term: str) -> None:
    words = term.lower().replace("-", " ")
    assert re.search(rf"\b{re.escape(words)}s?\b", code()), f"nothing is called {term!r}: correct docs/GLOSSARY.md"


def test_no_term_is_explained_twice() -> None:
    assert len(terms()) == len(set(terms()))


# Modules


def paths_in(document: Path) -> Iterator[str]:
    """Files and folders that a document names in code marks: `engine/plan.py`, `dashboard/urls.py`, `tests/views/`."""
    for name in re.findall(r"`([\w./-]+/[\w./-]*)`", read(document)):
        if name.split("/")[0] in TOPS:
            yield name


TOPS = {path.name for folder in (ROOT, DASHBOARD) for path in folder.iterdir() if path.is_dir()}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_every_file_that_a_document_names_exists(document: Path) -> None:
    missing = [path for path in paths_in(document) if not any((top / path).exists() for top in (ROOT, DASHBOARD))]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", read(document))
    assert not [link for link in links if not (document.parent / link).exists()]

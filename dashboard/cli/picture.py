"""Draw the path from a file to a run as an SVG: docs/images/path.svg."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from dashboard.cli.exits import Exit
from dashboard.engine.status import State
from dashboard.local.workspace import Workspace
from dashboard.models import ChangeRequest

TITLE = "From a file to a run"
DESCRIPTION = (
    "A pending file becomes a step of a plan. A plan has a digest. On a protected environment a change request asks "
    "for the plan and a second person approves its digest; elsewhere the plan runs at once. A run executes exactly the "
    "plan with that digest. A plan is computed from the history in the target, and each step of a run commits together "
    "with its row in that history."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One card of the path, with the question that is asked there."""

    title: str
    lines: tuple[str, ...]
    module: str  # below dashboard/
    digest: str  # what happens to the digest here
    next: str  # the word on the arrow that leaves it
    question: str
    answer: str  # the module that answers


PATH = (
    Stage(
        title="File",
        lines=("<version>_<name>.sql", "up, down and checksums"),
        module="engine/files",
        digest="",
        next=State.PENDING,
        question="Is its text risky?",
        answer="engine/lint",
    ),
    Stage(
        title="Plan",
        lines=("target, history, policy,", "steps with every byte"),
        module="engine/planner",
        digest="has a digest",
        next="requested",
        question="What would it destroy?",
        answer="engine/forecast",
    ),
    Stage(
        title="Change request",
        lines=("one person asks,", "another one approves"),
        module="services/approvals.py",
        digest="binds the digest",
        next=ChangeRequest.Status.APPROVED,
        question="Does it really work?",
        answer="engine/rehearsal",
    ),
    Stage(
        title="Run",
        lines=("a worker, under a lock,", "one transaction a step"),
        module="engine/run",
        digest="checks the digest",
        next="",
        question="Did it commit?",
        answer="engine/run/recovery.py",
    ),
)

#: Places on the path, by their number: the plan reads the target and the run changes it.
PLAN, REQUEST, RUN = 1, 2, 3

TARGET = ("Target", "a database with its own history: platform.schema_migrations, platform.migration_audit_log")
READ = "history"
WRITTEN = "SQL + its row"
SHORTCUT = "not protected: no request"
NOTE = ("What changes the digest", "voids the approval.")

# Sizes, in pixels of the picture. Everything else is reckoned from them.

MARGIN = 16
CARD = 198
GAP = 72
PAD = 14
LINE = 19
RADIUS = 8
QUESTION_HEIGHT = 2 * LINE + PAD
SPACE = 34  # between a question and its card
FLOOR = 84  # between the cards and the target
TARGET_HEIGHT = 2 * LINE + PAD

CARD_TOP = MARGIN + QUESTION_HEIGHT + SPACE
CARD_HEIGHT = PAD + 5 * LINE + PAD + LINE  # title, two lines, module, digest
CARD_BOTTOM = CARD_TOP + CARD_HEIGHT
DIGEST_TOP = CARD_BOTTOM - PAD - LINE - 4
TARGET_TOP = CARD_BOTTOM + FLOOR
WIDTH = 2 * MARGIN + len(PATH) * CARD + (len(PATH) - 1) * GAP
HEIGHT = TARGET_TOP + TARGET_HEIGHT + MARGIN

STYLE = """
  svg { --paper: #ffffff; --panel: #f4f6f2; --ink: #15201d; --soft: #46524e; --line: #bfc6bf;
        --digest: #0a6337; --digest-ground: #e4f4ea; --question: #174f9c; --question-ground: #e8f0fb; }
  @media (prefers-color-scheme: dark) {
    svg { --paper: #0d1312; --panel: #18211f; --ink: #e8eeeb; --soft: #aeb9b4; --line: #4a5853;
          --digest: #74dda0; --digest-ground: #10281c; --question: #93c2ff; --question-ground: #122236; }
  }
  text { font: 13px -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; fill: var(--soft); }
  .title { font-size: 16px; font-weight: 600; fill: var(--ink); }
  .module { font: 11.5px ui-monospace, Menlo, "Liberation Mono", monospace; }
  .word { font-size: 12px; text-anchor: middle; }
  .paper { fill: var(--paper); }
  .card { fill: var(--panel); stroke: var(--line); }
  .question { fill: var(--question-ground); }
  .question-text { fill: var(--question); font-weight: 600; }
  .digest { fill: var(--digest-ground); }
  .digest-text { fill: var(--digest); font-weight: 600; }
  .arrow { fill: none; stroke: var(--soft); stroke-width: 1.5; }
  .faint { stroke-dasharray: 4 4; }
  .head { fill: var(--soft); }
"""


HEAD = f"""
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="title desc">
<title id="title">{escape(TITLE)}</title>
<desc id="desc">{escape(DESCRIPTION)}</desc>
<style>{STYLE}</style>
<marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">
<path class="head" d="M0 0 8 4 0 8z"/>
</marker>
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments."""


def run(options: argparse.Namespace, workspace: Workspace) -> int:
    print("\n".join(_picture()))
    return Exit.OK


def _picture() -> Iterator[str]:
    yield HEAD.strip()
    yield _box(0, 0, WIDTH, HEIGHT, "paper")
    for number, stage in enumerate(PATH):
        yield from _question(_left(number), stage)
        yield from _card(_left(number), stage)
    for (number, stage), _ in pairwise(enumerate(PATH)):
        yield from _passage(number, stage)
    yield from _shortcut()
    yield from _target()
    yield from _note()
    yield "</svg>"


def _question(left: int, stage: Stage) -> Iterator[str]:
    yield _box(left, MARGIN, CARD, QUESTION_HEIGHT, "question")
    yield _text(left + PAD, MARGIN + LINE + 2, stage.question, "question-text")
    yield _text(left + PAD, MARGIN + 2 * LINE + 2, stage.answer, "module")
    middle = left + CARD // 2
    yield _arrow((middle, MARGIN + QUESTION_HEIGHT), (middle, CARD_TOP), faint=True)


def _card(left: int, stage: Stage) -> Iterator[str]:
    yield _box(left, CARD_TOP, CARD, CARD_HEIGHT, "card")
    top = CARD_TOP + PAD
    yield _text(left + PAD, top + LINE - 4, stage.title, "title")
    for row, line in enumerate(stage.lines, start=2):
        yield _text(left + PAD, top + row * LINE, line)
    yield _text(left + PAD, top + 4 * LINE, stage.module, "module")
    if stage.digest:
        yield _box(left + PAD, DIGEST_TOP, CARD - 2 * PAD, LINE + 4, "digest")
        yield _text(left + 2 * PAD, DIGEST_TOP + LINE - 3, stage.digest, "digest-text")


def _passage(number: int, stage: Stage) -> Iterator[str]:
    """The arrow from a card to the next one, its word above it."""
    start, end, height = _left(number) + CARD, _left(number + 1), CARD_TOP + CARD_HEIGHT // 2
    yield _arrow((start, height), (end, height))
    yield _text((start + end) // 2, height - 8, stage.next, "word")


def _shortcut() -> Iterator[str]:
    """From the plan to the run, below the change request."""
    start, end, depth = _left(PLAN) + CARD * 3 // 4, _left(RUN) + CARD // 4, CARD_BOTTOM + FLOOR // 2
    yield _arrow((start, CARD_BOTTOM), (start, depth), (end, depth), (end, CARD_BOTTOM))
    yield _text(_left(REQUEST) + CARD // 2, depth - 8, SHORTCUT, "word")


def _target() -> Iterator[str]:
    left, right = _left(PLAN), WIDTH - MARGIN
    yield _box(left, TARGET_TOP, right - left, TARGET_HEIGHT, "card")
    yield _text(left + PAD, TARGET_TOP + LINE + 3, TARGET[0], "title")
    yield _text(left + PAD, TARGET_TOP + 2 * LINE + 3, TARGET[1])
    middle = CARD_BOTTOM + FLOOR // 2 + 4
    read, written = left + CARD // 4, _left(RUN) + CARD * 3 // 4
    yield _arrow((read, TARGET_TOP), (read, CARD_BOTTOM))
    yield _text(read + CARD // 5, middle, READ, "word")
    yield _arrow((written, CARD_BOTTOM), (written, TARGET_TOP))
    yield _text(written - CARD // 4, middle, WRITTEN, "word")


def _note() -> Iterator[str]:
    for row, line in enumerate(NOTE, start=1):
        yield _text(MARGIN, TARGET_TOP + row * LINE + 3, line, "digest-text")


def _left(number: int) -> int:
    return MARGIN + number * (CARD + GAP)


def _box(left: int, top: int, width: int, height: int, kind: str) -> str:
    return f'<rect class="{kind}" x="{left}" y="{top}" width="{width}" height="{height}" rx="{RADIUS}"/>'


def _text(left: int, base: int, words: str, kind: str = "") -> str:
    name = f' class="{kind}"' if kind else ""
    return f'<text{name} x="{left}" y="{base}">{escape(words)}</text>'


def _arrow(*points: tuple[int, int], faint: bool = False) -> str:
    line = " ".join(f"{x},{y}" for x, y in points)
    return f'<polyline class="arrow{" faint" * faint}" points="{line}" marker-end="url(#head)"/>'

"""Differences as people read them: by table, in lines, and never endless."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.engine.schema import diff
from dashboard.engine.schema.diff import Change
from dashboard.engine.schema.objects import SchemaSnapshot
from dashboard.presenters import schema_diff
from dashboard.presenters.drift import CHANGES
from dashboard.presenters.pills import Pill
from dashboard.presenters.schema_diff import SchemaDiff
from tests.presenters import values


def shown(before: dict[str, str], after: dict[str, str], because: dict[str, str] | None = None) -> SchemaDiff:
    differences = diff.compare(SchemaSnapshot(objects=before), SchemaSnapshot(objects=after))
    return schema_diff.schema_diff(differences, CHANGES, because)


TABLE = {"table public.users": "", "column public.users.id": "type: integer"}


def test_a_table_stands_together_and_a_function_for_itself() -> None:
    made = {**TABLE, "index by_id on public.users": "definition: x", "function public.f()": "definition: y"}
    assert [(g.name, len(g.objects)) for g in shown({}, made).groups] == [
        ("public.users", 3),
        ("function public.f()", 1),
    ]


def test_a_table_that_came_as_a_whole_is_one_sentence_and_folded() -> None:
    group = shown({}, TABLE).groups[0]
    assert (group.sentences, group.open) == (("table public.users: added, with 1 column",), False)


def test_a_change_is_shown_line_by_line_and_unfolded() -> None:
    group = shown(TABLE, TABLE | {"column public.users.id": "type: bigint"}).groups[0]
    assert group.open
    assert [(line.kind, line.text) for line in group.objects[0].lines] == [
        ("removed", "type: integer"),
        ("added", "type: bigint"),
    ]


def test_another_order_of_columns_is_named_as_such() -> None:
    key = "order of columns public.users"
    group = shown({key: "columns: a, b"}, {key: "columns: b, a"}, {}).groups[0]
    assert (group.order_only, group.unexplained) == (True, False)


def test_what_explains_all_of_a_table_is_said_once() -> None:
    whole = shown({}, TABLE, dict.fromkeys(TABLE, "by 001")).groups[0]
    assert (whole.because, whole.unexplained, {o.because for o in whole.objects}) == ("by 001", False, {""})
    part = shown({}, TABLE, {"column public.users.id": "by 001"}).groups[0]
    assert (part.because, part.unexplained, [o.because for o in part.objects]) == ("", True, ["", "by 001"])


def test_a_page_lists_so_many_and_says_how_many_more() -> None:
    many = {f"function public.f{n}()": "definition: x" for n in range(schema_diff.SHOWN + 7)}
    view = shown({}, many)
    assert (view.total, len(view.groups), view.left_out) == (schema_diff.SHOWN + 7, schema_diff.SHOWN, 7)


def test_a_long_text_ends_somewhere() -> None:
    lines = schema_diff.text_diff("", "\n".join(map(str, range(schema_diff.FILE_LINES + 5))))
    assert (len(lines), lines[-1].text) == (schema_diff.FILE_LINES + 1, "5 more lines")


def test_lines_far_from_a_change_are_left_out_with_a_gap_between() -> None:
    before = [str(n) for n in range(40)]
    after = ["x" if n in {"5", "30"} else n for n in before]
    kinds = [line.kind for line in schema_diff.text_diff("\n".join(before), "\n".join(after))]
    assert (
        kinds
        == ["same"] * 3
        + ["removed", "added"]
        + ["same"] * 3
        + ["gap"]
        + ["same"] * 3
        + [
            "removed",
            "added",
        ]
        + ["same"] * 3
    )


# What the words of a page make of it


ELSEWHERE = {
    Change.ADDED: Pill(label="Only in Staging", tone="info", icon="plus"),
    Change.REMOVED: Pill(label="Only in Production", tone="info", icon="missing"),
    Change.CHANGED: Pill(label="Differs", tone="warn", icon="modified"),
}


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [({}, TABLE, Change.ADDED), (TABLE, {}, Change.REMOVED)],
    ids=["added", "removed"],
)
def test_a_summary_speaks_the_language_of_its_page(
    before: dict[str, str], after: dict[str, str], change: Change
) -> None:
    differences = diff.compare(SchemaSnapshot(objects=before), SchemaSnapshot(objects=after))
    (sentence,) = schema_diff.schema_diff(differences, ELSEWHERE).groups[0].sentences
    label = ELSEWHERE[change].label
    assert label[0].lower() + label[1:] in sentence
    assert not values.says(sentence, change.value)


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [({}, TABLE, Change.ADDED), (TABLE, {}, Change.REMOVED), (TABLE, dict.fromkeys(TABLE, "other"), Change.CHANGED)],
    ids=["added", "removed", "changed"],
)
def test_each_object_has_the_pill_of_its_change(before: dict[str, str], after: dict[str, str], change: Change) -> None:
    assert {o.pill for o in shown(before, after).groups[0].objects} == {CHANGES[change]}


@pytest.mark.parametrize(
    ("count", "open_"), [(schema_diff.OPEN, True), (schema_diff.OPEN + 1, False)], ids=["few", "many"]
)
def test_few_objects_are_shown_unfolded_and_many_are_not(count: int, open_: bool) -> None:
    made = {f"function public.f{n:02}()": "definition: x" for n in range(count)}
    assert {group.open for group in shown({}, made).groups} == {open_}


def test_nothing_left_out_is_told_as_nothing() -> None:
    made = shown({}, TABLE)
    assert (made.total, made.left_out) == (2, 0)


def test_without_a_question_nothing_is_unexplained() -> None:
    assert not shown({}, TABLE).groups[0].unexplained
    assert shown({}, TABLE, {}).groups[0].unexplained


def test_a_long_object_ends_somewhere_and_says_how_much_more_there_is() -> None:
    text = "\n".join(map(str, range(schema_diff.LINES + 3)))
    (group,) = shown({}, {"function public.f()": text}).groups
    lines = group.objects[0].lines
    assert len(lines) == schema_diff.LINES + 1
    assert lines[-1].kind == "gap"
    assert values.says(lines[-1].text, "3")


def test_the_same_text_has_no_lines_at_all() -> None:
    assert schema_diff.text_diff("a\nb\n", "a\nb\n") == ()


@settings(deadline=None)  # a busy machine is no fault
@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_what_went_and_what_came_are_those_of_the_texts(before: list[str], after: list[str]) -> None:
    lines = schema_diff.text_diff("\n".join(before), "\n".join(after))
    kept = [line for line in lines if line.kind != "gap"]
    removed, added = ([line.text for line in kept if line.kind == kind] for kind in ("removed", "added"))
    assert Counter(before) - Counter(removed) == Counter(after) - Counter(added)
    assert (not lines) == (before == after)


def test_no_markup_of_an_object_is_alive() -> None:
    values.assert_sound(shown({}, {f"table public.{values.HOSTILE}": values.HOSTILE}))

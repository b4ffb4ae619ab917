"""Differences as people read them: by table, in lines, and never endless."""

from __future__ import annotations

from dashboard.engine.schema import diff
from dashboard.engine.schema.objects import SchemaSnapshot
from dashboard.presenters import schema_diff
from dashboard.presenters.drift import CHANGES
from dashboard.presenters.schema_diff import SchemaDiff


def shown(before: dict[str, str], after: dict[str, str], because: dict[str, str] | None = None) -> SchemaDiff:
    found = diff.compare(SchemaSnapshot(objects=before), SchemaSnapshot(objects=after))
    return schema_diff.schema_diff(found, CHANGES, because)


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
    found = shown({}, many)
    assert (found.total, len(found.groups), found.left_out) == (schema_diff.SHOWN + 7, schema_diff.SHOWN, 7)


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

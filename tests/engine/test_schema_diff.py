import pytest

from dashboard.engine.schema.diff import Change, Difference, compare, order_only, summary_lines, unified
from dashboard.engine.schema.objects import SchemaSnapshot, text_of

USERS = {
    "table platform.users": "",
    "column platform.users.id": text_of([("type", "integer"), ("not null", True)]),
    "column platform.users.email": text_of([("type", "text"), ("default", "''::text")]),
    "order of columns platform.users": "columns: id, email",
    "constraint users_pkey on platform.users": "definition: PRIMARY KEY (id)",
    "index users_email on platform.users": "definition: CREATE INDEX users_email ON platform.users USING btree (email)",
    "trigger touch on platform.users": "definition: CREATE TRIGGER touch",
    "comment on table platform.users": "comment: People",
    "comment on column platform.users.email": "comment: Where to write",
    "grants on table platform.users": "granted: reader: SELECT",
    "sequence platform.users_id_seq": "type: integer\nowned by: platform.users.id",
}
TOUCH = {"function platform.touch()": text_of([("definition", "CREATE FUNCTION\nBEGIN\n  RETURN NEW;\nEND")])}


def of(*parts, **changes):
    objects = {key: text for part in parts for key, text in part.items()}
    return SchemaSnapshot(objects=objects | changes)


def changed(key, before, after):
    return Difference(key=key, change=Change.CHANGED, before=before, after=after)


def lines(before, after):
    return summary_lines(compare(before, after))


# Comparing


def test_equal_snapshots_have_no_difference_and_one_fingerprint():
    assert compare(of(USERS), of(dict(reversed(USERS.items())))) == ()
    assert of(USERS).fingerprint == of(dict(reversed(USERS.items()))).fingerprint
    assert of(USERS).fingerprint != of(TOUCH).fingerprint


def test_versions_of_extensions_are_no_part_of_the_schema():
    old = SchemaSnapshot(objects=USERS, versions={"citext": "1.5"})
    new = SchemaSnapshot(objects=USERS, versions={"citext": "1.6"})
    assert compare(old, new) == ()
    assert old.fingerprint == new.fingerprint


def test_a_table_and_what_belongs_to_it_stand_together():
    other = {key.replace("users", "teams"): text for key, text in USERS.items()}
    keys = [d.key for d in compare(of(), of(USERS, other, TOUCH, {"schema platform": ""}))]
    assert keys[0] == "schema platform"
    assert keys[-1] == "function platform.touch()"
    assert keys[3:12] == [
        "table platform.teams",
        "comment on table platform.teams",
        "grants on table platform.teams",
        "column platform.teams.email",
        "comment on column platform.teams.email",
        "column platform.teams.id",
        "constraint teams_pkey on platform.teams",
        "index teams_email on platform.teams",
        "trigger touch on platform.teams",
    ]


# The order of columns


def order(*columns):
    return {"order of columns platform.users": f"columns: {', '.join(columns)}"}


def test_columns_in_another_order_are_told_as_such():
    before, after = of(USERS, order("id", "email")), of(USERS, order("email", "id"))
    assert order_only(before, after)
    assert lines(before, after) == ["table platform.users: columns in another order (id, email -> email, id)"]


def test_another_order_beside_another_difference_is_not_order_only():
    before, after = of(USERS, order("id", "email")), of(USERS, TOUCH, order("email", "id"))
    assert not order_only(before, after)
    assert len(compare(before, after)) == 2


def test_nothing_is_not_order_only():
    assert not order_only(of(USERS), of(USERS))


@pytest.mark.parametrize("after", [["id", "email", "phone"], ["id", "phone", "email"], ["email"]])
def test_an_order_that_follows_from_added_or_removed_columns_is_not_told(after):
    assert compare(of(order("id", "email")), of(order(*after))) == ()


def test_names_that_hold_commas_and_quotes_keep_their_place():
    before, after = of(order('"a, b"', '"""c"')), of(order('"""c"', '"a, b"'))
    assert order_only(before, after)


# For people


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ([("type", "text")], [("type", "varchar(10)")], "type text -> varchar(10)"),
        ([("type", "text")], [("type", "text"), ("not null", True)], "not null added"),
        ([("type", "text"), ("default", "now()")], [("type", "text")], "default now() removed"),
        (
            [("type", "text"), ("not null", True)],
            [("type", "integer"), ("default", "0")],
            "type text -> integer; not null removed; default 0 added",
        ),
        ([("definition", "a\nb\nc")], [("definition", "a\nB\nc\nd")], "definition changed (2 lines added, 1 removed)"),
        ([("default", "x" * 80)], [("default", "y" * 80)], "default changed (1 line added, 1 removed)"),
    ],
)
def test_a_change_is_one_line(before, after, said):
    difference = changed("column platform.users.email", text_of(before), text_of(after))
    assert summary_lines([difference]) == [f"column platform.users.email: {said}"]


def test_what_comes_with_a_table_is_counted_there():
    assert lines(of(), of(USERS)) == ["table platform.users: added, with 2 columns, 1 constraint, 1 index, 1 trigger"]
    assert lines(of(USERS), of())[0].startswith("table platform.users: removed, with 2 columns")


def test_what_comes_with_a_column_or_a_function_is_not_told_again():
    without = {key: text for key, text in USERS.items() if "email" not in key}
    assert lines(of(without), of(USERS)) == [
        "column platform.users.email: added (type text, default ''::text)",
        "index users_email on platform.users: added (CREATE INDEX users_email ON platform.users USING btree (email))",
    ]
    comment = {"comment on function platform.touch()": "comment: Touches"}
    assert lines(of(TOUCH, comment), of()) == ["function platform.touch(): removed"]


def test_a_comment_on_what_stays_is_told():
    without = {key: text for key, text in USERS.items() if not key.startswith("comment on table")}
    assert lines(of(USERS), of(without)) == ["comment on table platform.users: removed (comment People)"]


def test_a_unified_diff_shows_both_texts():
    text = TOUCH["function platform.touch()"]
    shown = unified(changed("function platform.touch()", text, text.replace("NEW", "OLD"))).splitlines()
    assert shown[:2] == ["--- function platform.touch()", "+++ function platform.touch()"]
    assert shown[-3:] == ["-      RETURN NEW;", "+      RETURN OLD;", "     END"]


def test_a_unified_diff_says_what_was_absent():
    (added,) = compare(of(), of(TOUCH))
    (removed,) = compare(of(TOUCH), of())
    assert unified(added).startswith("--- (absent)\n+++ function platform.touch()\n")
    assert unified(removed).startswith("--- function platform.touch()\n+++ (absent)\n")

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dashboard.engine.files import discovery
from dashboard.engine.migration import (
    AppliedMigration,
    Folder,
    History,
    JournalEntry,
    Kind,
    Migration,
    MigrationId,
    Problem,
    Script,
    Severity,
    Unfinished,
)
from dashboard.engine.status import State, compute, summary

CASES = Path(__file__).parent / "cases" / "migrations"
MONDAY = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)


def migration(version, name="a", **changes):
    problems = changes.pop("problems", ())
    directives = changes.pop("directives", {})
    script = {"checksum": f"sum of {version}_{name}", "checksum_sql": f"tokens of {version}_{name}", **changes}
    file = f"{version}_{name}.sql"
    up = Script(file=file, sql="SELECT 1;", **script)
    return Migration(version=version, name=name, up=up, directives=directives, problems=problems)


def folder(*migrations):
    return Folder(source="", format="seed", files=(), migrations=migrations, problems=())


def row(version, name="a", **changes):
    facts = {
        "applied_at": MONDAY,
        "checksum": f"sum of {version}_{name}",
        "checksum_sql": f"tokens of {version}_{name}",
        **changes,
    }
    return AppliedMigration(version=version, name=name, **facts)


def history(*rows, rolled_back=()):
    return History(exists=True, rows=rows, rolled_back=frozenset(rolled_back))


def statuses(files, past):
    return {f"{s.version}_{s.name}": s for s in compute(files, past)}


def states(files, past):
    return {label: s.state for label, s in statuses(files, past).items()}


def only(files, past):
    (status,) = compute(files, past)
    return status


def error(file, code="syntax_error", line=3):
    return Problem(
        code=code, severity=Severity.ERROR, file=file, sentence="It is broken.", advice="Mend it.", line=line
    )


# Each state


def test_a_file_without_a_row_is_pending():
    entry = only(folder(migration("001")), History(exists=False))
    assert (entry.state, entry.is_pending, entry.applied) == (State.PENDING, True, None)
    assert entry.sentence == "001_a has not run here yet."


def test_a_file_with_its_row_is_applied():
    entry = only(folder(migration("001")), history(row("001")))
    assert (entry.state, entry.is_pending, entry.needs_attention) == (State.APPLIED, False, False)
    assert entry.sentence == "001_a was applied here on 2026-11-16."


def test_a_changed_file_is_modified_and_says_what_to_do():
    entry = only(folder(migration("001", checksum="x", checksum_sql="y")), history(row("001")))
    assert entry.state is State.MODIFIED
    assert entry.sentence.startswith("001_a was edited after it was applied here on 2026-11-16: ")
    assert "new migration" in entry.sentence
    assert entry.needs_attention


def test_a_file_with_other_comments_only_is_annotated():
    assert only(folder(migration("001", checksum="x")), history(row("001"))).state is State.ANNOTATED


def test_a_row_of_an_older_tool_cannot_tell_comments_from_sql():
    past = history(row("001", checksum_sql=""))
    assert only(folder(migration("001", checksum="x", checksum_sql="")), past).state is State.MODIFIED


@pytest.mark.parametrize("unknown", ["manual", ""])
def test_an_unknown_checksum_is_never_a_difference(unknown):
    assert only(folder(migration("001")), history(row("001", checksum=unknown))).state is State.APPLIED
    assert only(folder(migration("001", checksum=unknown)), history(row("001"))).state is State.APPLIED


def test_a_row_without_a_file_is_missing_in_its_place_in_the_order():
    listed = compute(folder(migration("001"), migration("010")), history(row("001"), row("9", "lost"), row("010")))
    assert [(s.version, s.state) for s in listed] == [
        ("001", State.APPLIED),
        ("9", State.MISSING),
        ("010", State.APPLIED),
    ]
    assert listed[1].migration is None
    assert "version control" in listed[1].sentence


def test_a_failure_without_a_file_came_to_nothing_unless_something_of_it_stands():
    failed = row("9", "lost", success=False, run_id="7")
    assert only(folder(), history(failed)).came_to_nothing
    assert not only(folder(), history(failed)).needs_attention
    assert not only(folder(), history(replace(failed, run_id=""))).came_to_nothing, "another tool recorded that"
    assert not only(folder(), history(replace(failed, success=True))).came_to_nothing
    left = Unfinished(version="9", name="lost", action="apply", entries=())
    (entry,) = compute(folder(), replace(history(failed), unfinished=(left,)))
    assert (entry.came_to_nothing, entry.needs_attention) == (False, True)


def test_a_renamed_file_is_told_its_old_name():
    past = history(row("001", "old", checksum="sum of 001_new"))
    by_label = statuses(folder(migration("001", "new")), past)
    assert {label: s.state for label, s in by_label.items()} == {"001_new": State.CONFLICT, "001_old": State.MISSING}
    assert "same SQL under another name" in by_label["001_new"].sentence
    assert "now called 001_new.sql" in by_label["001_old"].sentence


def test_a_failed_row_is_failed_and_pending():
    attempt = row("001", success=False, error_message="no such table", run_id="7")
    entry = only(folder(migration("001")), history(attempt))
    assert (entry.state, entry.is_pending) == (State.FAILED, True)
    assert "no such table" in entry.sentence
    assert "undid all of it" in entry.sentence


def test_of_a_failure_that_another_tool_recorded_nothing_is_said_to_be_undone():
    entry = only(folder(migration("001")), history(row("001", success=False, error_message="no such table")))
    assert entry.state is State.FAILED
    assert "undid" not in entry.sentence


def test_what_broke_off_outside_a_transaction_is_partial_and_not_pending():
    journal = (JournalEntry(statement=1, checksum="x", done=True), JournalEntry(statement=2, checksum="y", done=False))
    unfinished = Unfinished(version="001", name="change", action="apply", entries=journal)
    files = folder(migration("001", "change", directives={"transaction": "none"}))
    entry = only(files, replace(history(row("001", "change", success=False)), unfinished=(unfinished,)))
    assert (entry.state, entry.is_pending, entry.needs_attention) == (State.PARTIAL, False, True)
    assert "statement 1 is committed and what statement 2 did is not known" in entry.sentence


def test_a_failure_outside_a_transaction_that_left_nothing_is_failed():
    files = discovery.read(CASES / "sample")
    by_label = statuses(files, history(row("003", "index_email", success=False)))
    assert by_label["003_index_email"].state is State.FAILED


def test_a_failed_row_whose_file_is_gone_is_missing_and_not_said_to_be_applied():
    entry = only(folder(), history(row("001", success=False)))
    assert entry.state is State.MISSING
    assert "was applied" not in entry.sentence


def test_what_was_rolled_back_is_pending_again():
    entry = only(folder(migration("001")), history(rolled_back=[MigrationId("001", "a")]))
    assert (entry.state, entry.is_pending) == (State.ROLLED_BACK, True)


def test_what_was_rolled_back_and_applied_again_is_applied():
    assert (
        only(folder(migration("001")), history(row("001"), rolled_back=[MigrationId("001", "a")])).state
        is State.APPLIED
    )


def test_a_skipped_file_is_settled():
    entry = only(folder(migration("001")), history(row("001", kind=Kind.SKIPPED, checksum="x")))
    assert (entry.state, entry.is_pending, entry.needs_attention) == (State.SKIPPED, False, False)


def test_a_baselined_file_is_settled_until_it_is_edited():
    past = history(row("001", kind=Kind.BASELINE))
    assert only(folder(migration("001")), past).state is State.BASELINED
    assert only(folder(migration("001", checksum="x", checksum_sql="y")), past).state is State.MODIFIED


def test_a_repeatable_file_runs_again_when_it_changes():
    past = history(row("R__a", kind=Kind.REPEATABLE))
    assert only(folder(migration("R__a")), past).state is State.APPLIED
    changed = only(folder(migration("R__a", checksum="x")), past)
    assert (changed.state, changed.is_pending, changed.needs_attention) == (State.OUTDATED, True, False)


def test_of_an_unknown_text_nobody_says_that_it_changed():
    past = history(row("R__a", kind=Kind.REPEATABLE, checksum="manual", checksum_sql=""))
    assert only(folder(migration("R__a")), past).state is State.APPLIED


def test_a_repeatable_file_is_never_out_of_order_and_puts_nothing_out_of_order():
    past = history(row("R__b", "b", kind=Kind.REPEATABLE))
    by_label = states(folder(migration("001"), migration("R__a"), migration("R__b", "b")), past)
    assert list(by_label.values()) == [State.PENDING, State.PENDING, State.APPLIED]


# Order


def test_a_gap_that_was_filled_later_is_out_of_order_and_pending():
    files, past = folder(migration("001"), migration("002"), migration("010")), history(row("001"), row("010"))
    assert states(files, past) == {"001_a": State.APPLIED, "002_a": State.OUT_OF_ORDER, "010_a": State.APPLIED}
    assert State.OUT_OF_ORDER.is_pending
    said = [item.sentence for item in compute(files, past)]
    assert not any("next run" in sentence for sentence in said), "its environment may refuse it"


def test_order_is_by_number():
    by_label = states(folder(migration("9"), migration("10")), history(row("9")))
    assert by_label == {"9_a": State.APPLIED, "10_a": State.PENDING}


@pytest.mark.parametrize("later", [{"success": False}, {"kind": Kind.SKIPPED}])
def test_what_did_not_run_overtakes_nothing(later):
    by_label = states(folder(migration("001"), migration("002")), history(row("002", **later)))
    assert by_label["001_a"] is State.PENDING


# Shared numbers


def test_files_that_share_a_number_are_in_conflict():
    by_label = statuses(discovery.read(CASES / "duplicate"), history())
    assert [s.state for s in by_label.values()] == [State.PENDING, State.CONFLICT, State.CONFLICT]
    assert "003_add_city.sql" in by_label["002_add_city"].sentence
    assert by_label["002_add_city"].needs_attention


def test_a_failed_attempt_does_not_settle_a_shared_number():
    past = history(row("002", "add_city", success=False))
    assert states(discovery.read(CASES / "duplicate"), past)["002_add_city"] is State.CONFLICT


def test_when_all_others_are_skipped_the_last_one_is_pending_and_may_run():
    past = history(row("001", "create_users"), row("002", "add_phone", kind=Kind.SKIPPED))
    by_label = statuses(discovery.read(CASES / "duplicate"), past)
    city = by_label["002_add_city"]
    assert (city.state, city.migration.errors()) == (State.PENDING, ())
    assert "duplicate_version" not in {p.code for p in city.problems}
    assert by_label["002_add_phone"].state is State.SKIPPED


def test_four_files_of_one_number_stay_in_conflict_until_three_are_skipped():
    files = discovery.read(CASES / "traps")
    sharing = ["add_databases", "enable_rls", "enable_rls_IMPROVED", "register_databases"]
    for skipped in range(4):
        past = history(*(row("006", name, kind=Kind.SKIPPED) for name in sharing[:skipped]))
        rest = [states(files, past)[f"006_{name}"] for name in sharing[skipped:]]
        assert rest == [State.CONFLICT] * len(rest) if skipped < 3 else [State.PENDING]


def test_a_number_taken_by_another_name_is_in_conflict_and_never_pending():
    past = history(row("002", "add_city"))
    by_label = statuses(discovery.read(CASES / "duplicate"), past)
    assert by_label["002_add_city"].problems == tuple(
        p for p in by_label["002_add_city"].problems if p.code != "duplicate_version"
    )
    phone = by_label["002_add_phone"]
    assert phone.state is State.CONFLICT
    assert "taken by 002_add_city here" in phone.sentence
    assert "Give 002_add_phone.sql a number that is free and that runs before all that needs it" in phone.sentence


def test_a_number_taken_by_a_migration_whose_file_is_gone_is_in_conflict_too():
    by_label = statuses(folder(migration("001", "new")), history(row("001", "old")))
    assert by_label["001_new"].state is State.CONFLICT
    assert "skip it here" in by_label["001_new"].sentence


def test_skips_settle_what_is_left_beside_an_applied_file():
    past = history(row("002", "add_city", checksum="manual"), row("002", "add_phone", kind=Kind.SKIPPED))
    by_label = states(discovery.read(CASES / "duplicate"), past)
    assert (by_label["002_add_city"], by_label["002_add_phone"]) == (State.APPLIED, State.SKIPPED)


# Problems


def test_a_pending_file_that_cannot_run_says_why():
    entry = only(folder(migration("001", problems=(error("001_a.sql"),))), history())
    assert entry.state is State.PENDING
    assert entry.sentence.endswith("But it cannot run until 001_a.sql is mended on line 3: It is broken.")
    assert entry.needs_attention


def test_an_applied_file_that_no_longer_parses_keeps_its_state():
    entry = only(folder(migration("001", problems=(error("001_a.sql"),))), history(row("001")))
    assert (entry.state, len(entry.problems)) == (State.APPLIED, 1)


# On real files


def test_an_edit_of_comments_and_an_edit_of_sql_are_told_apart():
    before = discovery.read(CASES / "changed" / "before")
    past = history(
        *(row(m.version, m.name, checksum=m.up.checksum, checksum_sql=m.up.checksum_sql) for m in before.migrations)
    )
    assert set(states(before, past).values()) == {State.APPLIED}
    assert states(discovery.read(CASES / "changed" / "after"), past) == {
        "001_create_users": State.ANNOTATED,
        "002_add_phone": State.MODIFIED,
    }


def test_a_deleted_file_is_missing():
    before = discovery.read(CASES / "missing" / "before")
    past = history(*(row(m.version, m.name, checksum=m.up.checksum) for m in before.migrations))
    assert states(discovery.read(CASES / "missing" / "after"), past)["002_add_phone"] is State.MISSING


# Together


def test_every_file_and_every_row_has_exactly_one_status():
    files = discovery.read(CASES / "traps")
    past = history(row("001", "create_people"), row("003", "gone"), row("006", "enable_rls"), row("099", "unknown"))
    order = [(s.version, s.name) for s in compute(files, past)]
    assert len(order) == len(set(order))
    assert set(order) == {m.identity for m in files.migrations} | {r.identity for r in past.rows}


def test_every_state_is_pending_settled_or_asks_for_attention():
    for state in State:
        assert not (state.is_pending and state.is_settled)
    asking = {s for s in State if not s.is_pending and not s.is_settled}
    assert asking == {State.PARTIAL, State.ALTERED, State.MODIFIED, State.CONFLICT, State.MISSING}


def test_the_summary_counts_what_the_database_has_and_what_waits():
    files = folder(
        migration("001"),
        migration("002", checksum="x", checksum_sql="y"),
        migration("003"),
        migration("004"),
        migration("005"),
    )
    past = history(row("001"), row("002"), row("003", kind=Kind.SKIPPED), row("004", success=False), row("000", "lost"))
    counts = summary(compute(files, past))
    assert (counts.pending, counts.applied) == (2, 3)
    assert [s.version for s in counts.attention] == ["000", "002", "004"]


def twins(tmp_path: Path, *names: str):
    """Directories of Prisma with one timestamp."""
    for name in names:
        directory = tmp_path / f"20240101120000_{name}"
        directory.mkdir(exist_ok=True)
        (directory / "migration.sql").write_text(f"CREATE TABLE {name} (id int);\n")
    (tmp_path / "migration_lock.toml").write_text('provider = "postgresql"\n')
    return discovery.read(tmp_path)


@pytest.mark.parametrize("checksum", ["", "manual"])
def test_a_twin_that_comes_in_front_makes_nothing_run_a_second_time(tmp_path: Path, checksum: str):
    applied = twins(tmp_path, "b").migrations[0]
    ran = row(applied.version, "b", checksum=checksum or applied.up.checksum)
    came, shifted = (s for s in compute(twins(tmp_path, "a"), history(ran)) if s.state is not State.MISSING)
    assert (came.state, shifted.state) == (State.CONFLICT, State.CONFLICT)
    assert "20240101120000_a/migration.sql a later number" in came.sentence
    assert "recorded as applied here" in shifted.sentence
    for item in (came, shifted):
        assert "Do not skip either of them." in item.sentence


def test_a_twin_whose_first_is_gone_is_not_skipped(tmp_path: Path):
    first, second = twins(tmp_path, "b", "c").migrations
    rows = [row(m.version, m.name, checksum=m.up.checksum) for m in (first, second)]
    (tmp_path / "20240101120000_b" / "migration.sql").unlink()
    (tmp_path / "20240101120000_b").rmdir()
    shifted = next(
        item for item in compute(twins(tmp_path), history(*rows)) if item.version == first.version and item.name == "c"
    )
    assert shifted.state is State.CONFLICT
    assert "restore the one that is gone" in shifted.sentence


def test_the_numbers_behind_a_dot_are_ranks_with_prisma_only(tmp_path: Path):
    for name, table in {"V2.1__orders": "orders", "V2.5__fix": "repaired"}.items():
        (tmp_path / f"{name}.sql").write_text(f"CREATE TABLE {table} (id int);\n")
    lost = row("2.1", "fix")
    items = {item.label: item for item in compute(discovery.read(tmp_path, folder_format="flyway"), history(lost))}
    assert items["2.5_fix"].state is State.PENDING
    assert items["2.1_orders"].state is State.CONFLICT
    assert "counts under another number" not in items["2.1_orders"].sentence

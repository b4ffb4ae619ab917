"""Files against tracking rows: the state of each migration in one target. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from dashboard.engine import renumbering, scoping
from dashboard.engine.migration import (
    UNKNOWN_CHECKSUMS,
    AppliedMigration,
    Folder,
    History,
    Identified,
    Kind,
    LoggedSuccess,
    Migration,
    MigrationId,
    Problem,
    Unfinished,
    VersionKey,
    repeatable_version,
    version_key,
)


class State(StrEnum):
    PENDING = "pending"  # it has not run here
    OUT_OF_ORDER = "out_of_order"  # pending, although a later version is applied
    FAILED = "failed"  # its last attempt failed and left nothing behind; pending
    ROLLED_BACK = "rolled_back"  # it ran and was rolled back; pending
    UNRECORDED = "unrecorded"  # the log says that it was applied or skipped, its row does not; pending
    PARTIAL = "partial"  # it failed outside a transaction; what came before the failure stays
    APPLIED = "applied"  # it ran, and the file is as it was then
    OUTDATED = "outdated"  # repeatable, and its text changed since it ran; pending
    ANNOTATED = "annotated"  # applied; since then only comments and blanks of the file changed
    ALTERED = "altered"  # applied; the checksum of its row is not the one in the log
    MODIFIED = "modified"  # applied; since then the SQL of the file changed
    BASELINED = "baselined"  # recorded as applied without having run
    SKIPPED = "skipped"  # a person decided that it does not run here
    CONFLICT = "conflict"  # its version, or its SQL, belongs to another migration here; or its version to another file
    MISSING = "missing"  # recorded here, and its file is gone
    ELSEWHERE = "elsewhere"  # its file is for other environments only; nothing to do here
    NARROWED = "narrowed"  # applied; its file says by now that it is for other environments only

    @property
    def is_pending(self) -> bool:
        return self in _PENDING

    @property
    def is_settled(self) -> bool:
        """There is nothing left to do, and nothing is wrong."""
        return self in _SETTLED


_PENDING = frozenset(
    {State.PENDING, State.OUT_OF_ORDER, State.FAILED, State.ROLLED_BACK, State.UNRECORDED, State.OUTDATED}
)
_SETTLED = frozenset({State.APPLIED, State.ANNOTATED, State.BASELINED, State.SKIPPED, State.ELSEWHERE, State.NARROWED})
#: The database has what the file, or an earlier text of it, makes.
_STANDING = frozenset(
    {State.APPLIED, State.ANNOTATED, State.ALTERED, State.MODIFIED, State.BASELINED, State.OUTDATED, State.NARROWED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationStatus(Identified):
    """One migration in one target. `sentence` says what the state means here and what to do."""

    version: str
    name: str
    state: State
    migration: Migration | None  # None: no such file
    applied: AppliedMigration | None  # None: no such row
    problems: tuple[Problem, ...]
    sentence: str
    is_contradicted: bool = False  # the log of the target says something else; somebody changed the history by hand
    came_to_nothing: bool = False  # it failed and was undone, and its file is gone: there is nothing to decide
    renaming: str = ""  # of one that comes late: what its files would be called behind all that is applied

    @property
    def is_pending(self) -> bool:
        return self.state.is_pending

    @property
    def needs_attention(self) -> bool:
        """A person must decide or mend something before this migration is settled."""
        plain = (State.PENDING, State.ROLLED_BACK, State.OUTDATED)
        blocked = self.state in plain and self.migration is not None and bool(self.migration.errors())
        settled = self.state in plain or self.state.is_settled or self.came_to_nothing
        return blocked or self.is_contradicted or not settled


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Counts for a page. `applied` is what the database has, so a modified file counts, a skipped one does not."""

    pending: int
    applied: int
    attention: tuple[MigrationStatus, ...]


def compute(folder: Folder, history: History) -> tuple[MigrationStatus, ...]:
    """Every migration of the folder and every row of the history, once, in version order."""
    files = _Files(folder, history)
    statuses = [_of_file(migration, files, history) for migration in folder.migrations]
    statuses += [_of_file_elsewhere(migration, files, history) for migration in folder.elsewhere]
    known = {migration.identity for migration in folder.every}
    statuses += [_of_lost_row(row, files) for row in history.rows if row.identity not in known]
    return tuple(sorted(_with_renamings(statuses, folder, files), key=lambda status: status.identity.key))


def _with_renamings(statuses: Sequence[MigrationStatus], folder: Folder, files: _Files) -> Iterator[MigrationStatus]:
    late = [item.migration for item in statuses if item.state is State.OUT_OF_ORDER and item.migration]
    is_clear = files.highest is not None and not any(_may_need_one(item, files.highest) for item in statuses)
    renamings = renumbering.behind(folder, late, files.highest[1]) if late and files.highest and is_clear else {}
    for item in statuses:
        if advice := renumbering.sentence(renamings.get(item.identity, ())):
            item = replace(item, renaming=advice, sentence=f"{item.sentence} {advice}")
        yield item


def summary(statuses: Iterable[MigrationStatus]) -> Summary:
    statuses = tuple(statuses)
    counts = Counter(s.state for s in statuses)
    lost = sum(1 for s in statuses if s.state is State.MISSING and s.applied and s.applied.success)
    return Summary(
        pending=sum(counts[state] for state in _PENDING),
        applied=sum(counts[state] for state in _STANDING) + lost,
        attention=tuple(s for s in statuses if s.needs_attention),
    )


def _may_need_one(item: MigrationStatus, highest: VersionKey) -> bool:
    """What is still to run among the applied ones, and never ran without those that come late."""
    return item.state in {State.FAILED, State.CONFLICT, State.PARTIAL} and version_key(item.version) < highest


# Who shares a version with whom


class _Files:
    """Lookups over all files and rows, so that none has to be searched for."""

    def __init__(self, folder: Folder, history: History) -> None:
        standing = [row for row in history.rows if row.success]
        skipped = {row.identity for row in standing if row.kind is Kind.SKIPPED}
        self._taken = {row.version: row for row in standing if row.kind is not Kind.SKIPPED}
        self._unfinished = {item.identity: item for item in reversed(history.unfinished)}
        self._doubted = {item.identity for item in (*history.unfinished, *history.contradicted)}
        self._by_version: Mapping[str, list[Migration]] = defaultdict(list)  # those that are not skipped here
        self._by_checksum: dict[str, Migration] = {}
        for migration in folder.migrations:
            if migration.identity not in skipped:
                self._by_version[migration.version].append(migration)
        for migration in folder.every:
            for checksum in _checksums(migration.up.checksum, migration.up.checksum_sql):
                self._by_checksum.setdefault(checksum, migration)
        here = {migration.identity for migration in folder.every}
        self._numbers = {migration.version for migration in folder.migrations}
        lost = [row for row in standing if row.kind is not Kind.SKIPPED and row.identity not in here]
        self._unranked = _by_unranked(folder.migrations)
        self._shifted = _by_unranked(lost) if folder.named_in_full else {}
        self._lost: dict[str, AppliedMigration] = {}
        for row in lost:
            for checksum in _checksums(row.checksum, row.checksum_sql):
                self._lost.setdefault(checksum, row)
        once = (version_key(row.version) for row in self._taken.values() if not row.is_repeatable)
        self.highest = max(once, default=None)
        self._repeatable = {m.identity: m for m in folder.every if m.is_repeatable}

    def holder(self, migration: Migration) -> AppliedMigration | None:
        """The row of another migration that has this version here."""
        row = self._taken.get(migration.version)
        return row if row is not None and row.name != migration.name else None

    def sharing(self, migration: Migration) -> Sequence[Migration]:
        """All files with its version, except those that are skipped here."""
        return self._by_version[migration.version]

    def unfinished(self, migration: Migration) -> Unfinished | None:
        return self._unfinished.get(migration.identity)

    def was_undone(self, row: AppliedMigration) -> bool:
        """An attempt of Signalbox failed, and neither its journal nor the log says that anything of it stands."""
        return not row.success and bool(row.run_id) and row.identity not in self._doubted

    def twin(self, row: AppliedMigration) -> Migration | None:
        """A file with exactly the text that ran, or that differs only in comments."""
        checksums = _checksums(row.checksum, row.checksum_sql)
        return next((self._by_checksum[checksum] for checksum in checksums if checksum in self._by_checksum), None)

    def former(self, migration: Migration) -> AppliedMigration | None:
        """The row of the same SQL whose own file is gone: this file may be that one under a new name."""
        checksums = _checksums(migration.up.checksum, migration.up.checksum_sql)
        return next((self._lost[checksum] for checksum in checksums if checksum in self._lost), None)

    def shifted(self, migration: Migration) -> AppliedMigration | None:
        """The row of the same name under another rank of its number, where another file or row took one of the two: a
        file that came or went beside it shifted the ranks."""
        row = self._shifted.get((_unranked(migration.version), migration.name))
        if row is None or row.version == migration.version:
            return None
        return row if row.version in self._numbers or migration.version in self._taken else None

    def has_shifted(self, row: AppliedMigration) -> bool:
        """Its file is there under another rank of its number."""
        key = (_unranked(row.version), row.name)
        return self._shifted.get(key) is row and key in self._unranked

    def is_overtaken(self, migration: Migration) -> bool:
        """No repeatable migration is: it runs after all others."""
        return self.highest is not None and version_key(migration.version) < self.highest

    def made_repeatable(self, row: AppliedMigration) -> Migration | None:
        """The file of a migration that ran once, and says by now that it is repeatable."""
        return self._repeatable.get(MigrationId(repeatable_version(row.version), row.name))


def _unranked(version: str) -> str:
    """A number without its rank among those of one number: 1 of 1.2."""
    return version.partition(".")[0]


def _by_unranked[T: (Migration, AppliedMigration)](items: Iterable[T]) -> Mapping[tuple[str, str], T]:
    return {(_unranked(item.version), item.name): item for item in items}


def _checksums(checksum: str, checksum_sql: str) -> Iterator[str]:
    """The checksums by which the same SQL is recognised, the surest first; none where they are not known."""
    yield from (known for known in (checksum, checksum_sql) if known not in UNKNOWN_CHECKSUMS)


# The state of a file


def _of_file(migration: Migration, files: _Files, history: History) -> MigrationStatus:
    row = history.row(migration.identity)
    if migration.is_repeatable and (unfinished := files.unfinished(migration)):
        return _status(migration, row, State.PARTIAL, _partial_sentence(migration, row, unfinished))
    if row is not None and row.success:
        return _recorded(migration, row, history.contradiction(migration.identity))
    if former := files.shifted(migration):
        return _status(migration, row, State.CONFLICT, _shifted_sentence(migration, former))
    if holder := files.holder(migration):
        return _status(migration, row, State.CONFLICT, _taken_sentence(migration, holder, files))
    if len(sharing := files.sharing(migration)) > 1:
        return _status(migration, row, State.CONFLICT, _shared_sentence(migration, sharing))
    return _open(migration, row, files, history)


def _recorded(migration: Migration, row: AppliedMigration, logged: LoggedSuccess | None) -> MigrationStatus:
    label, when = migration.label, _when(row)
    if logged is not None and migration.up.checksum in {row.checksum, logged.checksum}:
        return _status(migration, row, State.ALTERED, _altered_sentence(migration, row, logged))
    match row.kind:
        case Kind.SKIPPED:
            return _status(migration, row, State.SKIPPED, f"{label} was skipped here{when}: it does not run.")
        case _ if migration.is_repeatable and _differs(migration, row):
            return _status(migration, row, State.OUTDATED, _outdated_sentence(migration, row))
        case _ if _differs(migration, row):
            return _edited(migration, row)
        case Kind.BASELINE:
            sentence = f"{label} was recorded as applied{when} without being run by Signalbox."
            if row.was_imported:
                sentence = f"{label} counts as applied here: {row.error_message}"
            return _status(migration, row, State.BASELINED, sentence)
        case _ if row.was_run_by_hand:
            sentence = f"{label} was recorded as applied here{when}: somebody ran it by hand, not Signalbox."
            return _status(migration, row, State.APPLIED, sentence)
        case _:
            return _status(migration, row, State.APPLIED, f"{label} was applied here{when}.")


def _edited(migration: Migration, row: AppliedMigration) -> MigrationStatus:
    label, applied = migration.label, _applied(row)
    if row.checksum_sql and row.checksum_sql == migration.up.checksum_sql:
        parts = "comments, its blanks or what undoes it" if migration.is_in_one_file else "comments or blanks"
        sentence = f"{label} {applied}; since then only its {parts} changed."
        return _status(migration, row, State.ANNOTATED, sentence)
    sentence = (
        f"{label} was edited after it {applied}: the database has the old version. "
        "Restore the file as it was, and put the change into a new migration."
    )
    return _status(migration, row, State.MODIFIED, sentence)


def _differs(migration: Migration, row: AppliedMigration) -> bool:
    """False where either side is not known. Of a repeatable one the same file is another text with other values for
    its placeholders."""
    if _are_two(migration.up.checksum, row.checksum):
        return True
    return migration.is_repeatable and _are_two(migration.up.checksum_sql, row.checksum_sql)


def _are_two(one: str, other: str) -> bool:
    return one != other and not {one, other} & UNKNOWN_CHECKSUMS


def _open(migration: Migration, row: AppliedMigration | None, files: _Files, history: History) -> MigrationStatus:
    """For a migration that no row calls applied or skipped, and whose version is its own."""
    label = migration.label
    if unfinished := files.unfinished(migration):
        return _status(migration, row, State.PARTIAL, _partial_sentence(migration, row, unfinished))
    if logged := history.contradiction(migration.identity):
        return _status(migration, row, State.UNRECORDED, _unrecorded_sentence(migration, row, logged))
    if not migration.is_repeatable and (former := files.former(migration)):
        return _status(migration, row, State.CONFLICT, _renamed_sentence(migration, former))
    if row is not None:
        return _failed(migration, row)
    if migration.identity in history.rolled_back:
        sentence = f"{label} was applied here and rolled back. It runs again with the next run."
        return _status(migration, None, State.ROLLED_BACK, sentence)
    if files.is_overtaken(migration):
        sentence = (
            f"{label} has not run here, although a later migration has. Before it runs, check that it does not rely on "
            "the order."
        )
        return _status(migration, None, State.OUT_OF_ORDER, sentence)
    again = f" It runs after all others, and again whenever {migration.up.file} changes."
    sentence = f"{label} has not run here yet.{again if migration.is_repeatable else ''}"
    return _status(migration, None, State.PENDING, sentence)


def _failed(migration: Migration, row: AppliedMigration) -> MigrationStatus:
    reason = f" ({row.error_message})" if row.error_message else ""
    is_ours = bool(row.run_id)
    unknown = "Another tool recorded that, so what is left of it is not known."
    left = "PostgreSQL undid all of it." if is_ours else unknown
    sentence = (
        f"{migration.label} failed here{_when(row)}{reason}. {left} Mend the cause, and it runs with the next run."
    )
    return _status(migration, row, State.FAILED, sentence)


def _outdated_sentence(migration: Migration, row: AppliedMigration) -> str:
    is_file = _are_two(migration.up.checksum, row.checksum)
    changed = migration.up.file if is_file else f"what the placeholders of {migration.up.file} stand for"
    return (
        f"{migration.label} ran here{_when(row)}, and {changed} has changed since. It is repeatable: the next run runs "
        "it again, after all that run once."
    )


def _altered_sentence(migration: Migration, row: AppliedMigration, logged: LoggedSuccess) -> str:
    label, applied = migration.label, _applied(row)
    if logged.checksum == migration.up.checksum:
        return (
            f"{label} {applied}, and its file is as it ran: the log of this database says so. Only the "
            "checksum in its row of the history is another one; somebody changed that by hand. An administrator can "
            "restore the record."
        )
    return (
        f"{label} {applied} with another text than its file has now, as the log of this database says; "
        "the checksum in its row of the history was changed by hand, to that of the edited file. Restore the file as "
        "it was, and let an administrator restore the record."
    )


def _unrecorded_sentence(migration: Migration, row: AppliedMigration | None, logged: LoggedSuccess) -> str:
    label = migration.label
    did = "skipped" if logged.was_skipped else "applied"
    when = f" on {logged.at:%Y-%m-%d}" if logged.at else ""
    said = f"The log of this database says that {label} was {did} here{when}{f' by {logged.by}' if logged.by else ''}"
    if row is None:
        lost = "its row in the history is gone"
    elif logged.failed_since:
        reason = f" ({row.error_message})" if row.error_message else ""
        lost = f"its row in the history was gone when an attempt to run it again failed{_when(row)}{reason}"
    else:
        lost = "its row in the history was marked as failed by hand"
    if logged.was_skipped:
        return f"{said}; {lost}. Skip it again, or apply it if it is to run here after all."
    edited = " Its file was edited since then." if logged.checksum not in {"", migration.up.checksum} else ""
    return (
        f"{said}, and nothing took it back; {lost}.{edited} Look whether what it makes is there: if it is, an "
        "administrator restores its record; if it is really gone, apply it again."
    )


def _renamed_sentence(migration: Migration, former: AppliedMigration) -> str:
    return (
        f"{migration.up.file} holds the same SQL as {former.label}, which is recorded as applied here{_when(former)} "
        f"and whose file is gone: it looks renamed, and would run a second time. Rename it back; or skip "
        f"{migration.label} here, with a reason."
    )


def _partial_sentence(migration: Migration, row: AppliedMigration | None, unfinished: Unfinished) -> str:
    reason = f" ({row.error_message})" if row and not row.success and row.error_message else ""
    done = [str(entry.statement) for entry in unfinished.entries if entry.done]
    doubtful = [str(entry.statement) for entry in unfinished.entries if not entry.done]
    kept = f"{_statements(done)} {'is' if len(done) == 1 else 'are'} committed" if done else ""
    open_question = f"what {_statements(doubtful)} did is not known" if doubtful else ""
    left_behind = " and ".join(part for part in (kept, open_question) if part)
    return (
        f"{migration.label} broke off here outside a transaction{reason}: {left_behind}. Nothing else runs in this "
        "environment until someone continues it, or has undone it by hand and says so."
    )


def _statements(numbers: Sequence[str]) -> str:
    return f"statement{'' if len(numbers) == 1 else 's'} {', '.join(numbers)}"


def _status(migration: Migration, row: AppliedMigration | None, state: State, sentence: str) -> MigrationStatus:
    """The folder calls every file of a shared version a duplicate; where this target settled it, it is none."""
    if state is not State.CONFLICT:
        problems = tuple(p for p in migration.problems if not p.is_duplicate)
        migration = replace(migration, problems=problems) if problems != migration.problems else migration
    if state.is_pending and (errors := migration.errors()):
        where = f" on line {errors[0].line}" if errors[0].line else ""
        sentence += f" But it cannot run until {errors[0].file} is mended{where}: {errors[0].sentence}"
    return MigrationStatus(
        version=migration.version,
        name=migration.name,
        state=state,
        migration=migration,
        applied=row,
        problems=migration.problems,
        sentence=sentence,
    )


def _shifted_sentence(migration: Migration, former: AppliedMigration) -> str:
    return (
        f"{migration.up.file} is recorded as applied here{_when(former)} under the number {former.version}. Another "
        f"file of that number came or went, so this one now counts as {migration.version} and would run a second time. "
        "Give the file that came a later number, or restore the one that is gone. Do not skip either of them."
    )


def _taken_sentence(migration: Migration, holder: AppliedMigration, files: _Files) -> str:
    taken = f"The number {migration.version} is taken by {holder.label} here"
    if holder.checksum not in UNKNOWN_CHECKSUMS and holder.checksum == migration.up.checksum:
        return f"{taken}, which is the same SQL under another name. Rename {migration.up.file} back."
    if files.has_shifted(holder):
        return (
            f"{taken}, whose own file counts under another number since {migration.up.file} came. It has not run. Give "
            f"{migration.up.file} a later number; then the other file has its own again. Do not skip either of them."
        )
    advice = (
        f"Give {migration.up.file} a number that is free and that runs before all that needs it, or skip it here, with "
        "a reason."
    )
    return f"{taken}. {migration.label} has not run and will not run under this number. {advice}"


#: Of more files with one number, so many are named.
_NAMED = 5


def _shared_sentence(migration: Migration, sharing: Sequence[Migration]) -> str:
    others = ", ".join([other.label for other in sharing[: _NAMED + 1] if other is not migration][:_NAMED])
    if len(sharing) - 1 > _NAMED:
        others += f" and {len(sharing) - 1 - _NAMED} more"
    advice = next((p.advice for p in migration.problems if p.is_duplicate), "")
    return f"{migration.label} shares its number with {others}, so it is not clear which should run. {advice}".rstrip()


# The state of a file that is for other environments


def _of_file_elsewhere(migration: Migration, files: _Files, history: History) -> MigrationStatus:
    """Its text is compared with nothing: what it says by now is not about this target. What broke off here, and what
    was decided here, stays what it is."""
    item = _standing_elsewhere(migration, files, history)
    if item.state is State.PARTIAL or not history.contradiction(migration.identity):
        return item
    doubt = (
        "But the log of this database says something else of it than its row in the history, which somebody changed by "
        "hand: let its file name this environment, and an administrator restores its record."
    )
    return replace(item, is_contradicted=True, sentence=f"{item.sentence} {doubt}")


def _standing_elsewhere(migration: Migration, files: _Files, history: History) -> MigrationStatus:
    row, label = history.row(migration.identity), migration.label
    words = scoping.scope_of(migration).words
    if unfinished := files.unfinished(migration):
        return _status(migration, row, State.PARTIAL, _partial_sentence(migration, row, unfinished))
    if row is None or not row.success:
        before = " It was applied here once, and rolled back." if migration.identity in history.rolled_back else ""
        if row is not None:
            before = f" An attempt to run it here failed{_when(row)}."
        sentence = f"{label} is not for this environment: it {words}. It does not run here.{before}"
        return _status(migration, row, State.ELSEWHERE, sentence)
    if row.kind is Kind.SKIPPED:
        sentence = f"{label} was skipped here{_when(row)}, and by now its file {words}: it does not run either way."
        return _status(migration, row, State.SKIPPED, sentence)
    sentence = (
        f"{label} {_applied(row)}, and its file says by now that it {words}. What it made stays here, and nothing runs "
        "it again. A rollback takes it away; afterwards it does not come back."
    )
    return _status(migration, row, State.NARROWED, sentence)


# The state of a row whose file is gone


def _of_lost_row(row: AppliedMigration, files: _Files) -> MigrationStatus:
    state = State.SKIPPED if row.kind is Kind.SKIPPED else State.MISSING
    if row.success and state is State.MISSING and files.made_repeatable(row):
        state = State.APPLIED
    return MigrationStatus(
        version=row.version,
        name=row.name,
        state=state,
        migration=None,
        applied=row,
        problems=(),
        sentence=_lost_sentence(row, files),
        came_to_nothing=files.was_undone(row),
    )


def _lost_sentence(row: AppliedMigration, files: _Files) -> str:
    label, when, applied = row.label, _when(row), _applied(row)
    if row.kind is Kind.SKIPPED:
        return f"{label} was skipped here{when}, and its file is gone from the folder."
    if not row.success:
        left = " PostgreSQL undid all of it, so there is nothing to do." if files.was_undone(row) else ""
        return f"{label} failed here{when}, and its file is gone from the folder.{left}"
    if again := files.made_repeatable(row):
        return f"{label} {applied}; {again.up.file} says by now that it is repeatable: see {again.label}."
    if row.is_repeatable:
        return (
            f"{label} ran here{when}, and its file is gone from the folder: what it made is still there, and nothing "
            "runs it again. Restore it from version control, or write a migration that takes away what it made."
        )
    if twin := files.twin(row):
        return f"{label} {applied}; its file is now called {twin.up.file}. Rename it back."
    return f"{label} {applied}, but its file is gone from the folder. Restore it from version control."


def _applied(row: AppliedMigration) -> str:
    """How it came to count as applied, as a predicate."""
    if not row.was_imported:
        return f"was applied here{_when(row)}"
    if "which applied it on " in (row.error_message or ""):
        return f"was taken over from {row.imported_from}, which applied it{_when(row)}"
    return f"was taken over from {row.imported_from}{_when(row)}"


def _when(row: AppliedMigration) -> str:
    return f" on {row.applied_at:%Y-%m-%d}" if row.applied_at else ""

"""The words of each action: one row for each, and a test that none is forgotten.

Its verb stands with the member itself, because services write it into the titles that they record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dashboard.engine.plan import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionWords:
    does: str  # at a step of a plan, before its migration: "Apply"
    short: str  # in the history of a migration: "Apply, run 7"
    done: tuple[str, str]  # what its migration is afterwards, and what several are: "is applied", "are applied"
    did: str  # what a run did with its migration, before the label: "applied"
    not_done: str  # what the database is where PostgreSQL undid it; {version} is filled in
    then: str  # after "Approve and"
    started: str = "started"  # before "run 7"
    of: str = ""  # before the label of its migration: "the rollback of "
    beside: str = ""  # at a step of a run, behind its migration; an apply needs none
    certain: tuple[str, ...] = ()  # for whoever decides; empty where the plan has to be read for it
    summary: str = "nothing is run"  # of a step without SQL, in a plan
    instead_of_sql: str = "No SQL is sent. Only the history of the environment is written."  # in a plan
    instead_of_statements: str = ""  # in a run; empty where some are sent
    continued: str = ""  # what a migration that broke off is recorded as, once it came to its end
    started_over: str = ""  # what one is that broke off, once it may start over


WORDS: Mapping[str, ActionWords] = {
    Action.APPLY: ActionWords(
        does=Action.APPLY.verb,
        short=Action.APPLY.verb,
        done=("is applied", "are applied"),
        did="applied",
        not_done="Nothing of this attempt at {version} remains: PostgreSQL undid it.",
        then="apply now",
        continued="applied",
        started_over="is pending again",
    ),
    Action.ROLLBACK: ActionWords(
        does=Action.ROLLBACK.verb,
        short=Action.ROLLBACK.verb,
        done=("is rolled back", "are rolled back"),
        did="rolled back",
        not_done="{version} is still applied: PostgreSQL undid what its rollback had begun.",
        then="roll back now",
        started="rolled it back in",
        of="the rollback of ",
        beside="rollback",
        continued="rolled back",
        started_over="counts as applied again",
    ),
    Action.SKIP: ActionWords(
        does="Record as skipped",
        short=Action.SKIP.verb,
        done=("is recorded as skipped", "are recorded as skipped"),
        did="has skipped",
        not_done="Nothing was recorded of {version}.",
        then="skip now",
        certain=("Nothing is run: only the history of the environment is written.", "It can be taken back."),
        instead_of_statements="No SQL is sent: the migration is recorded as skipped.",
    ),
    Action.UNSKIP: ActionWords(
        does="Make pending again",
        short=Action.UNSKIP.verb,
        done=("is pending again", "are pending again"),
        did="took back the skip of",
        not_done="Nothing was recorded of {version}.",
        then="unskip now",
        certain=("Nothing is run: the migration is pending again, and the next run would apply it.",),
        instead_of_statements="No SQL is sent: its record is removed.",
    ),
    Action.REPAIR: ActionWords(
        does="Take away what was left half done",
        short=Action.REPAIR.verb,
        done=("is rid of what it left half done", "are rid of what they left half done"),
        did="took away what was left half done of",
        not_done="What {version} left half done is still there.",
        then="take that away now",
        beside="takes away what it left half done",
        certain=("Only what is an invalid index, or a detaching that is pending, when it runs.", "No row is touched."),
    ),
    Action.RESET: ActionWords(
        does=Action.RESET.verb,
        short=Action.RESET.verb,
        done=("is pending again", "are pending again"),
        did="recorded as undone by hand",
        not_done="Nothing was recorded of {version}.",
        then="start over now",
        beside="starts over",
        certain=("Nothing is run: the migration is pending again, and starts with its first statement.",),
        instead_of_statements="No SQL is sent: what its journal holds counts as undone.",
    ),
    Action.BRING_BACK: ActionWords(
        does="Bring back the saved rows",
        short="Bring rows back",
        done=("has its saved rows back", "have their saved rows back"),
        did="brought back the saved rows of",
        not_done="No row of {version} was brought back; the saved copies are as they were.",
        then="bring the rows back now",
        beside="brings saved rows back",
        certain=(
            "One transaction: all of it comes back, or nothing is changed.",
            "The saved copies stay.",
        ),
        summary="rows are copied back, in one transaction",
        instead_of_sql="No SQL of a migration is sent: rows are copied from signalbox_saved to where they came from.",
        instead_of_statements="No SQL of a migration is sent: rows are copied back from signalbox_saved.",
    ),
    Action.ACCEPT: ActionWords(
        does="Accept the edited comments",
        short="Accept comments",
        done=("is recorded with its file's comments", "are recorded with their files' comments"),
        did="accepted the edited comments of",
        not_done="Nothing was recorded of {version}.",
        then="accept now",
        beside="accepts its edited comments",
        certain=(
            "Nothing is run: only the recorded text and checksum are brought up to date.",
            "The SQL is the same: only comments and blanks differ, which the run checks once more.",
        ),
        instead_of_statements="No SQL is sent: its recorded text is brought up to date.",
    ),
    Action.ACCEPT_CHANGE: ActionWords(
        does="Accept the changed SQL",
        short="Accept change",
        done=("is recorded with the checksum of its file", "are recorded with the checksums of their files"),
        did="accepted the changed SQL of",
        not_done="Nothing was recorded of {version}.",
        then="accept the change now",
        beside="accepts its changed SQL",
        certain=(
            "Nothing is run: the database keeps what the old text did, and the record takes the new checksum.",
            "The text that ran, and the rollback captured with it, stay as they are.",
        ),
        instead_of_statements="No SQL is sent: its record takes the checksum of the file.",
    ),
    Action.MARK_APPLIED: ActionWords(
        does=Action.MARK_APPLIED.verb,
        short="Mark as applied",
        done=("is recorded as applied", "are recorded as applied"),
        did="recorded as applied by hand",
        not_done="Nothing was recorded of {version}.",
        then="record it now",
        beside="was run by hand, and is recorded as applied",
        certain=(
            "Nothing is run: somebody ran it by hand, and says so.",
            "All of it is one transaction: every row is written, or none.",
            "Whether what it makes is there is for whoever decides to know.",
        ),
        instead_of_statements="No SQL is sent: it is recorded as applied, with the checksum of its file.",
    ),
    Action.BASELINE: ActionWords(
        does="Record as applied without running",
        short=Action.BASELINE.verb,
        done=("is recorded as a baseline", "are recorded as a baseline"),
        did="recorded as a baseline",
        not_done="Nothing was recorded of {version}.",
        then="record the baseline now",
        beside="is recorded as a baseline",
        certain=(
            "Nothing is run: the database is taken to have all of it already, by a person's word.",
            "All of it is one transaction: every row is written, or none.",
            "There is no rollback of a baseline: no text ran that one was captured with.",
        ),
        instead_of_statements="No SQL is sent: it is recorded as applied without having run.",
    ),
    Action.RESTORE_RECORD: ActionWords(
        does="Restore the record",
        short="Restore record",
        done=("is recorded again as its log has it", "are recorded again as their log has it"),
        did="restored the record of",
        not_done="Nothing was recorded of {version}.",
        then="restore now",
        beside="restores its record",
        certain=(
            "Nothing is run: only its row in the history is written again, from the log of the same database.",
            "The log says that it was applied; whether what it made is still there is for whoever decides to know.",
        ),
        instead_of_statements="No SQL is sent: its row in the history is written again, from the log.",
    ),
    Action.IMPORT: ActionWords(
        does="Import as applied",
        short=Action.IMPORT.verb,
        done=("is recorded as applied", "are recorded as applied"),
        did="recorded as applied elsewhere",
        not_done="Nothing was recorded of {version}, nor of any other migration of the import.",
        then="import now",
        beside="is taken from the history of another tool",
        certain=(
            "Nothing is run: rows of the history are written, all of them in one transaction.",
            "The table of the other tool is only read, and has to say then what it says now.",
        ),
        instead_of_statements="No SQL is sent: it is recorded as applied, as the other tool has it.",
    ),
}

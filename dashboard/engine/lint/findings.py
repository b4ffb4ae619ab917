"""What lint is asked and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.engine.migration import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one rule says of one place in one file. `line` and `column` are 1-based."""

    rule: str
    severity: Severity
    file: str
    line: int
    column: int
    sentence: str
    advice: str
    statement: int | None = None  # its number in the file; None where the finding is about the file
    suppressed: str = ""  # the reason given in the file; "" where nobody suppressed it

    @property
    def blocks(self) -> bool:
        return self.severity is Severity.ERROR and not self.suppressed


@dataclass(frozen=True, slots=True, kw_only=True)
class LintContext:
    """What is known of the target. The defaults fit a folder that is read without one."""

    pg_major: int = 17
    supabase: bool = False
    exposed_schemas: frozenset[str] = frozenset({"public"})  # what Supabase's API serves
    tracking_schema: str = "platform"
    control_schema: str = "signalbox"  # where people, requests and approvals are kept, if it is in the same database
    partitioned: frozenset[str] | None = None  # partitioned tables, `schema.name`; None: nobody looked


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One place where a rule applies; `lint` makes a Finding of it. Sentence and advice never quote SQL literals."""

    severity: Severity
    sentence: str
    advice: str
    offset: int = 0  # 0-based, in characters of the script
    place: tuple[int, int] | None = None  # line and column, where they are known already
    statement: int | None = None

"""squawk's rules that are shown for a migration, with what Signalbox says in their place. Any other is switched off.

Why those are off is told in docs/decisions/0020. Every advice can be carried out with files that Signalbox runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dashboard.engine.migration import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    severity: Severity
    sentence: str  # may name {table}
    advice: str
    about_rows: bool = True  # it matters only where the table holds rows and is in use


_OUTSIDE = "Signalbox runs such a file outside a transaction."

RULES: Mapping[str, Advice] = {
    "require-concurrent-index-creation": Advice(
        severity=Severity.WARNING,
        sentence="Nobody can write to {table} until the index is built.",
        advice="Write CREATE INDEX CONCURRENTLY, in a file of its own: " + _OUTSIDE,
    ),
    "adding-foreign-key-constraint": Advice(
        severity=Severity.WARNING,
        sentence="Adding the foreign key to {table} blocks writes to both tables while every row is checked.",
        advice="Add the column without REFERENCES, then the constraint as NOT VALID. VALIDATE CONSTRAINT in the next "
        "file: it blocks nobody.",
    ),
    "constraint-missing-not-valid": Advice(
        severity=Severity.WARNING,
        sentence="Adding the check to {table} blocks reads and writes while every row is checked.",
        advice="Add the constraint as NOT VALID, and VALIDATE CONSTRAINT in the next file: it blocks nobody.",
    ),
    "disallowed-unique-constraint": Advice(
        severity=Severity.WARNING,
        sentence="Adding the unique constraint blocks reads and writes of {table} while its index is built.",
        advice="Write CREATE UNIQUE INDEX CONCURRENTLY in a file of its own. In the next file, ALTER TABLE ... ADD "
        "CONSTRAINT ... UNIQUE USING INDEX.",
    ),
    "adding-serial-primary-key-field": Advice(
        severity=Severity.WARNING,
        sentence="Adding the primary key blocks reads and writes of {table} while its index is built.",
        advice="Write CREATE UNIQUE INDEX CONCURRENTLY in a file of its own. In the next file, ALTER TABLE ... ADD "
        "PRIMARY KEY USING INDEX. The columns must be NOT NULL before.",
    ),
    "adding-field-with-default": Advice(
        severity=Severity.WARNING,
        sentence="The new column's value is computed for each row: {table} is rewritten, and nobody can read it "
        "meanwhile.",
        advice="Where the table is large, add a plain column, fill it in batches in the files that follow, and keep it "
        "up to date by a default set in a second statement, or by a trigger.",
    ),
    "adding-required-field": Advice(
        severity=Severity.WARNING,
        sentence="The new column is NOT NULL and has no default: this fails if {table} holds a row.",
        advice="Give it a default, or add it as nullable, fill it, and set NOT NULL in a later file.",
    ),
    "adding-not-nullable-field": Advice(
        severity=Severity.WARNING,
        sentence="SET NOT NULL checks every row of {table} while nobody else can read it, and fails on the first NULL.",
        advice="Add CHECK (column IS NOT NULL) NOT VALID, VALIDATE it in the next file, and SET NOT NULL after that: "
        "PostgreSQL then needs no scan.",
    ),
    "changing-column-type": Advice(
        severity=Severity.WARNING,
        sentence="Changing the type can rewrite {table} and its indexes, and nobody can read it meanwhile.",
        advice="Where the table is large, add a new column, fill it in batches, and change over in a later file.",
    ),
    "renaming-column": Advice(
        severity=Severity.WARNING,
        sentence="A column of {table} is renamed: running code that uses the old name fails as soon as this commits.",
        advice="Add the new column beside it, write both, change the readers, and drop the old one in a later file. "
        "Where nothing else uses it, allow this with that reason.",
    ),
    "renaming-table": Advice(
        severity=Severity.WARNING,
        sentence="{table} is renamed: running code that uses the old name fails as soon as this commits.",
        advice="In the same file, make a view with the old name, and drop it in a later one. Where nothing else uses "
        "it, allow this with that reason.",
    ),
    "ban-set-schema": Advice(
        severity=Severity.WARNING,
        sentence="{table} moves to another schema: running code that names the old one fails as soon as this commits.",
        advice="Change the readers to find both first. Where nothing else uses it, allow this with that reason.",
    ),
    "require-concurrent-reindex": Advice(
        severity=Severity.WARNING,
        sentence="REINDEX blocks writes, and reads through the index, until it is done.",
        advice="Write REINDEX ... CONCURRENTLY, in a file of its own: " + _OUTSIDE,
    ),
    "require-concurrent-partition-detach": Advice(
        severity=Severity.WARNING,
        sentence="DETACH PARTITION blocks reads and writes of {table}, and waits for all that run.",
        advice="Write DETACH PARTITION ... CONCURRENTLY, in a file of its own: " + _OUTSIDE,
    ),
    "require-concurrent-index-deletion": Advice(
        severity=Severity.NOTE,
        sentence="DROP INDEX locks its table until the whole file is committed.",
        advice="Where what is behind it is slow, write DROP INDEX CONCURRENTLY, in a file of its own: " + _OUTSIDE,
    ),
    "identifier-too-long": Advice(
        severity=Severity.WARNING,
        sentence="A name is longer than 63 bytes. PostgreSQL cuts it off, and later files may not find it.",
        advice="Choose a shorter name.",
        about_rows=False,
    ),
    "prefer-timestamp-tz": Advice(
        severity=Severity.NOTE,
        sentence="timestamp keeps no time zone: the same moment reads differently for sessions in different zones.",
        advice="Use timestamptz.",
        about_rows=False,
    ),
    "ban-char-field": Advice(
        severity=Severity.NOTE,
        sentence="char(n) is padded with blanks, which comparisons then ignore and functions do not.",
        advice="Use text, with a CHECK where the length matters.",
        about_rows=False,
    ),
}

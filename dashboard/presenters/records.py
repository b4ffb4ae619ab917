"""Rows of a history that the log of the same database contradicts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dashboard.presenters import links, statuses
from dashboard.presenters.pills import Pill
from dashboard.services.records import Contradiction


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordView:
    label: str
    url: str
    pill: Pill
    sentence: str
    then: tuple[str, ...]  # what the row says once it is restored


def view(item: Contradiction, source: str) -> RecordView:
    return RecordView(
        label=item.status.label,
        url=links.migration(item.status.identity, source),
        pill=statuses.MIGRATION[item.status.state],
        sentence=item.status.sentence,
        then=tuple(_then(item)),
    )


def _then(item: Contradiction) -> Iterator[str]:
    logged = item.logged
    when = f" at {logged.at:%Y-%m-%d %H:%M} UTC" if logged.at else ""
    by = f" by {logged.by}" if logged.by else ""
    yield f"Its row says again that it was applied{when}{by}; your reason goes into the log."
    if item.is_as_it_ran:
        yield "The log has the checksum of the file as it is now, so its text and its rollback are recorded with it."
    elif logged.was_changed:
        yield (
            "Somebody has accepted the changed SQL of its file since it ran: only the checksum is recorded, and no "
            "rollback, because the log does not keep the text that ran."
        )
    elif logged.checksum:
        yield "The file was edited since it ran: only the checksum of what ran is recorded, and it shows as edited."
    else:
        yield "An older Signalbox wrote the log, which does not say which text ran: none is recorded, and no rollback."

"""This Signalbox among all that may work on one target."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where the row of the installation lives, told by the server: a copy of the row lives elsewhere."""

    system_identifier: str  # of the cluster; empty where the role may not ask for it
    database_oid: int
    table_oid: int
    deployment: str = ""  # whose processes these are, where the platform or a setting says so

    def differs_from(self, other: Home) -> bool:
        """Whether both are certainly not one place. What one of them does not know tells nothing."""
        return self.is_another_table(other) or bool(
            self.deployment and other.deployment and self.deployment != other.deployment
        )

    def is_another_table(self, other: Home) -> bool:
        """The same by what the server says, whoever asks it."""
        both_known = self.system_identifier and other.system_identifier
        is_another_server = bool(both_known) and self.system_identifier != other.system_identifier
        return is_another_server or (self.database_oid, self.table_oid) != (other.database_oid, other.table_oid)

    def completed_by(self, other: Home) -> Home:
        """With what only the other one knows of the same place."""
        return Home(
            system_identifier=self.system_identifier or other.system_identifier,
            database_oid=self.database_oid,
            table_oid=self.table_oid,
            deployment=self.deployment or other.deployment,
        )

    def to_dict(self) -> dict[str, str | int]:
        return asdict(self)

    @classmethod
    def from_dict(cls, kept: dict[str, str | int]) -> Self:
        return cls(**kept)  # type: ignore[arg-type]


class Installation(models.Model):
    """One row, made on first use. A copy of the control database is another installation: it gets an identity of its
    own as soon as it is used."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    identity = models.UUIDField(default=uuid.uuid4, editable=False)
    #: A `Home`; null until it is recorded by the first use.
    home = models.JSONField(null=True)
    #: The installation that this one was copied from, and when that was noticed.
    copy_of = models.UUIDField(null=True)
    noticed_at = models.DateTimeField(null=True)
    #: Who has said that this copy may run migrations, and why.
    confirmed_at = models.DateTimeField(null=True)
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    confirmed_because = models.TextField(blank=True, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(name="one_installation", condition=Q(id=1)),
            models.CheckConstraint(
                name="installation_copied_and_when",
                condition=Q(copy_of__isnull=True, noticed_at__isnull=True)
                | Q(copy_of__isnull=False, noticed_at__isnull=False),
            ),
            models.CheckConstraint(
                name="installation_confirmed_who_and_when",
                condition=Q(confirmed_at__isnull=True, confirmed_by__isnull=True)
                | Q(confirmed_at__isnull=False, confirmed_by__isnull=False, copy_of__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"installation {self.identity.hex}"

    @property
    def is_held(self) -> bool:
        """It is a copy, and nobody has said yet that it may run migrations."""
        return self.copy_of is not None and self.confirmed_at is None

    @property
    def short(self) -> str:
        """Enough to tell it from others."""
        return self.identity.hex[:8]

    @property
    def original(self) -> str:
        """The same of the one it was copied from; empty where it is none."""
        return self.copy_of.hex[:8] if self.copy_of else ""

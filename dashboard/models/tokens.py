"""What machines show instead of a person's sign-in, and the accounts that are no person's."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from config.tokens import Scope
from dashboard.models import token_declarations
from dashboard.models.token_declarations import TokenDeclaration

__all__ = ["ApiToken", "MachineAccount", "Scope"]


class MachineAccount(models.Model):
    """An account that no person signs in to: a CI acts in its name, by tokens."""

    account = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="machine"
    )
    made_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"machine {self.account_id}"


class ApiToken(models.Model):
    """Lets whoever shows it act for an account, within its scopes and environments. Only its hash is kept.

    What the settings declare has a row too, made at its first use: by nobody, and without an end of its own.
    """

    name = models.CharField(max_length=64, unique=True)
    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="api_tokens")
    #: The readable part that names it; the secret part is not here.
    mark = models.CharField(max_length=32, unique=True)
    secret_hash = models.CharField(max_length=64)  # sha256 hex of the whole token
    scopes = models.JSONField(default=list)  # config.tokens.Scope
    environments = models.JSONField(default=list)  # slugs
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    last_used_from = models.GenericIPAddressField(null=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="token_revoked_who_and_when",
                # In a shell by nobody who is known.
                condition=models.Q(revoked_by__isnull=True) | models.Q(revoked_at__isnull=False),
            ),
            models.CheckConstraint(
                name="token_of_a_person_ends",
                condition=models.Q(made_by__isnull=True) | models.Q(expires_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_declared(self) -> bool:
        """By the settings, so that nobody here made it."""
        return self.made_by_id is None

    @property
    def declaration(self) -> TokenDeclaration | None:
        """What the settings of now say of it; None for one that somebody made, and where they do not declare it."""
        return token_declarations.in_force(self.mark, self.secret_hash) if self.is_declared else None

    @property
    def is_withdrawn(self) -> bool:
        """Nothing counts that was asked for with it: it was revoked, its maker, who has seen it, was deactivated, or
        the settings declare it no more."""
        is_left = not self.made_by.is_active if self.made_by else self.declaration is None
        return self.revoked_at is not None or is_left

    def allows(self, scope: Scope, environment: str) -> bool:
        """By the settings of now, where they declare it, and not by those of when it was used last."""
        held = self.declaration if self.is_declared else self
        return held is not None and scope in held.scopes and environment in held.environments

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def is_live(self) -> bool:
        return not self.is_withdrawn and not self.is_expired

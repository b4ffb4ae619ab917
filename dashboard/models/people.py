"""What is kept of people beside Django's own user: their links, their sessions, and who changed what of them."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class OneTimeLink(models.Model):
    """Lets one person choose a password of their own, once. Only its hash is kept."""

    class Purpose(models.TextChoices):
        INVITATION = "invitation"  # the first password of somebody new
        LOST_PASSWORD = "lost_password"  # noqa: S105 - the name of a purpose

    token_hash = models.CharField(max_length=64, unique=True)
    purpose = models.CharField(max_length=16, choices=Purpose)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="links")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.purpose} of {self.person_id}"


class PersonChange(models.Model):
    """Somebody changed what another person signs in with, or may do. An approval of that person does not count for
    requests of somebody who did this shortly before. Without `by` it was done in a shell, by nobody knows whom."""

    class Kind(models.TextChoices):
        CREATED = "was_created"
        PASSWORD = "got_password"  # noqa: S105 - the name of a change
        INVITED = "was_invited"
        LINK = "got_link"
        LINK_USED = "used_link"
        ROLE = "got_role"
        EMAIL = "got_address"
        ADDRESS_USED = "used_address"  # the mailbox of that address opened the account
        SECOND_FACTOR = "lost_factor"
        DEACTIVATED = "was_deactivated"
        REACTIVATED = "was_reactivated"

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="changes")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=32, choices=Kind)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["person", "at"])]

    def __str__(self) -> str:
        return f"{self.kind} of {self.person_id}"


class PersonSession(models.Model):
    """One browser in which a person is signed in. The row decides: without it the session counts no more.

    `key_hash` is the SHA-256 of the key of Django's session, in hex: who reads this table can take nobody's place.
    """

    key_hash = models.CharField(max_length=64, primary_key=True)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sessions")
    began_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    source_ip = models.GenericIPAddressField(null=True)
    browser = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return f"session of {self.person_id}"


class SignInCount(models.Model):
    """How often signing in was tried since a moment: by account, by known browser, by address. Keys are hashes, so
    that nothing of what was typed is kept."""

    key = models.CharField(max_length=64, primary_key=True)
    tries = models.PositiveIntegerField()
    since = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.key

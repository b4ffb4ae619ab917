"""Django's createsuperuser, which also holds the password and the name against our rules, and is in the audit log."""

from __future__ import annotations

import os
from typing import Any

from django.contrib.auth.management.commands import createsuperuser
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import transaction
from django.db.models.signals import post_save

from dashboard.engine.errors import EngineError
from dashboard.services import names, people
from dashboard.services.actors import Actor

#: Whoever has a shell is not known by name.
SHELL = Actor(name="createsuperuser")


class Command(createsuperuser.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        post_save.connect(_made, sender=User, dispatch_uid="signalbox.createsuperuser")
        try:
            if not options["interactive"]:
                _check_password(options)
            with transaction.atomic():
                super().handle(*args, **options)
        except ValidationError as error:
            raise CommandError(f"Nobody was made. {' '.join(error.messages)}") from None
        except EngineError as error:
            raise CommandError(f"Nobody was made. {error} {error.next_step}") from None
        finally:
            post_save.disconnect(sender=User, dispatch_uid="signalbox.createsuperuser")


def _check_password(options: dict[str, Any]) -> None:
    """Django asks its validators of somebody who types alone."""
    password = os.environ.get("DJANGO_SUPERUSER_PASSWORD")
    name = options[User.USERNAME_FIELD] or os.environ.get("DJANGO_SUPERUSER_USERNAME", "")
    if password is not None:
        validate_password(password, User(username=name))


def _made(instance: User, created: bool, **kwargs: Any) -> None:
    if created:
        names.check(instance.username, apart_from=instance)
        people.changed(instance, before=None, by=SHELL)

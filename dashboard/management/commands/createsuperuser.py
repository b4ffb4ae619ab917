"""Makes the first person. Takes Django's options, holds name and password against the rules that hold for everybody,
also where somebody types them, and stands in the audit log."""

from __future__ import annotations

import getpass
import os
from typing import Any

from django.contrib.auth.management.commands import createsuperuser
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import transaction

from dashboard.engine.errors import EngineError
from dashboard.management import control
from dashboard.services import names, people
from dashboard.services.actors import Actor

#: Whoever has a shell is not known by name.
SHELL = Actor(name="createsuperuser")


class Command(createsuperuser.Command):
    help = "Make a superuser, who can invite everybody else."

    def execute(self, *args: Any, **options: Any) -> str | None:
        with control.needing_it(options["database"]):
            return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        database, asks = options["database"], options["interactive"]
        if asks and not self.stdin.isatty():
            raise CommandError("Nobody was made: nobody can be asked here. Use --noinput, and say what it says.")
        try:
            name = self._value(options, "username", "User name: " if asks else "")
            email = self._value(options, "email", "Mail address (may be empty): " if asks else "")
            self._check_name(name)
            person = User(username=name, email=email)
            password = self._ask_password(person) if asks else _given_password(person)
            with transaction.atomic(using=database):
                manager = User._default_manager.db_manager(database)
                people.changed(manager.create_superuser(name, email, password), before=None, by=SHELL)
        except ValidationError as error:
            raise CommandError(f"Nobody was made. {' '.join(error.messages)}") from None
        except EngineError as error:
            raise CommandError(f"Nobody was made. {error} {error.next_step}") from None
        if options["verbosity"]:
            self.stdout.write(f"{name} was made, and may do everything.")

    def _value(self, options: dict[str, Any], field: str, prompt: str) -> str:
        """From the command line, else from the environment, else asked for."""
        given = options[field] or os.environ.get(f"DJANGO_SUPERUSER_{field.upper()}", "")
        return given or (input(prompt).strip() if prompt else "")

    def _check_name(self, name: str) -> None:
        if not name:
            raise CommandError("Nobody was made. Say who with --username.")
        names.check(name)

    def _ask_password(self, person: User) -> str:
        """Twice, until it is one that anybody here may have: nobody is offered to go on without."""
        while True:
            password = getpass.getpass("Password: ")
            if password != getpass.getpass("The same again: "):
                self.stderr.write("The two are not the same.")
                continue
            try:
                validate_password(password, person)
            except ValidationError as error:
                self.stderr.write(" ".join(error.messages))
                continue
            return password


def _given_password(person: User) -> str | None:
    """None where there is none: that person gets one by a link."""
    password = os.environ.get("DJANGO_SUPERUSER_PASSWORD")
    if password is not None:
        validate_password(password, person)
    return password

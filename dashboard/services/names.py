"""What people may be called: names that nobody takes for another person's, or for the system's."""

from __future__ import annotations

import re

from django.contrib.auth.models import User

from dashboard.services.actors import SIGNALBOX
from dashboard.services.errors import NameRefused

#: ASCII alone, so that no letter of another script stands for one of these.
ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,149}")

#: What Signalbox calls itself and its parts, what PostgreSQL calls its superuser, and what stands for no person.
RESERVED = frozenset(
    {SIGNALBOX.name, "anonymous", "migration-secret", "migrator", "nobody", "postgres", "system", "worker"}
)

#: Letters and digits that look alike in a list of names.
ALIKE = str.maketrans({"0": "o", "1": "l", "i": "l", ".": "", "_": "", "-": ""})


def check(name: str, *, apart_from: User | None = None) -> str:
    """`name`, if a person may have it. Raises NameRefused."""
    if not ALLOWED.fullmatch(name):
        raise NameRefused(
            name=ascii(name)[1:-1], why="may hold the letters a to z, digits and . _ - @ only, and starts with one"
        )
    if _shape(name) in {_shape(reserved) for reserved in RESERVED}:
        raise NameRefused(name=name, why="is kept for the system")
    others = User.objects.exclude(pk=apart_from.pk) if apart_from else User.objects.all()
    for other in others.values_list("username", flat=True):
        if _shape(other) == _shape(name):
            raise NameRefused(name=name, why=f"is too much like {other}, who is here already")
    return name


def _shape(name: str) -> str:
    return name.casefold().translate(ALIKE)

"""What is done to people in a shell: written down, and done by nobody knows whom.

Whoever has a shell there can do all that the process can. This is for those who use Django's own ways, such as
`User.objects.create_superuser` or `user.groups.add`; a statement of SQL passes it by.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.signals import m2m_changed, post_save, pre_save

from dashboard.models import PersonChange
from dashboard.services import audit, people, sessions
from dashboard.services.actors import Actor
from dashboard.services.people import Footing

#: A save of nothing but others, such as when somebody signed in last, changes nobody.
WATCHED = frozenset({"username", "password", "email", "is_active", "is_superuser"})


@contextmanager
def watched(by: Actor) -> Iterator[None]:
    """As long as it lasts, what is saved of people is kept as done by `by`, who is no person."""
    watch = _PeopleWatch(by)
    wiring = (
        (pre_save, watch.before_save, User),
        (post_save, watch.after_save, User),
        (m2m_changed, watch.groups_change, User.groups.through),
    )
    for signal, receiver, sender in wiring:
        signal.connect(receiver, sender=sender)
    try:
        yield
    finally:
        for signal, receiver, sender in wiring:
            signal.disconnect(receiver, sender=sender)


class _PeopleWatch:
    def __init__(self, by: Actor) -> None:
        self.by = by
        self.former: dict[int, tuple[Footing, str]] = {}  # what each was before the save or change that is under way

    def before_save(self, instance: User, update_fields: Collection[str] | None = None, **kwargs: Any) -> None:
        if update_fields is None or WATCHED & set(update_fields):
            self._keep(User.objects.filter(pk=instance.pk))

    @transaction.atomic
    def after_save(self, instance: User, created: bool, **kwargs: Any) -> None:
        if created:
            people.write_down(instance, before=None, by=self.by)
            return
        footing, password = self.former.pop(instance.pk, (None, ""))
        if footing is None:
            return
        if password != instance.password:
            people.changed_by(instance, PersonChange.Kind.PASSWORD, by=self.by)
            audit.record(audit.Event.PASSWORD_SET, by=self.by, name=instance.get_username())
            sessions.end(instance, by=self.by)
        people.write_down(instance, before=footing, by=self.by)

    @transaction.atomic
    def groups_change(self, instance: User | Group, action: str, pk_set: set[int] | None, **kwargs: Any) -> None:
        """From either side: of a person their groups, or of a group its people."""
        if action.startswith("pre_"):
            self._keep(_whose(instance, pk_set))
            return
        for person in User.objects.filter(pk__in=list(self.former)):
            people.write_down(person, before=self.former.pop(person.pk)[0], by=self.by)

    def _keep(self, persons: Iterable[User]) -> None:
        self.former |= {person.pk: (people.footing(person), person.password) for person in persons}


def _whose(instance: User | Group, pk_set: set[int] | None) -> QuerySet[User]:
    if isinstance(instance, User):
        return User.objects.filter(pk=instance.pk)
    return User.objects.filter(groups=instance) if pk_set is None else User.objects.filter(pk__in=pk_set)

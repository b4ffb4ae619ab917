"""What must exist around our Django migrations: the schema before them, the roles after them. And what `check --deploy`
asks besides what Django does."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.db import connections

from dashboard.models import environments, sources
from dashboard.models.roles import Role

#: What /admin/ asks of an administrator, who only reads there.
SEE_PEOPLE = ("view_user", "view_group")


def create_schema(*, using: str, **kwargs: Any) -> None:
    connection = connections[using]
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {connection.ops.quote_name(settings.CONTROL_SCHEMA)}")


def create_roles(*, using: str, **kwargs: Any) -> None:
    from django.contrib.auth.management import create_permissions
    from django.contrib.auth.models import Group, Permission

    create_permissions(apps.get_app_config("auth"), using=using, verbosity=0)
    for role in Role:
        Group.objects.using(using).get_or_create(name=role.value)
    wanted = Permission.objects.using(using).filter(content_type__app_label="auth", codename__in=SEE_PEOPLE)
    Group.objects.using(using).get(name=Role.ADMIN.value).permissions.add(*wanted)


def check_mail(**kwargs: Any) -> list[checks.CheckMessage]:
    """Said, and no fault: everything is on the pages."""
    if settings.SENDS_MAIL:
        return []
    sentence = "No mail is sent, because SIGNALBOX_EMAIL_URL is not set."
    return [checks.Info(sentence, hint="docs/SETTINGS.md says what it is for.", id="signalbox.I001")]


def check_declared(**kwargs: Any) -> list[checks.CheckMessage]:
    """Each declared environment has a database, unless it is optional, and each source what opens its repository."""
    return [
        *_check_sources(),
        *_check_environments(),
    ]


def _check_sources() -> list[checks.CheckMessage]:
    return [
        checks.Error(
            f"The source {source.name} cannot be fetched, because {source.git.absence}.",
            hint=f"Set {' and '.join(source.git.unset)}, or take it out of {settings.ENVIRONMENTS_FILE}.",
            id="signalbox.E002",
        )
        for source in sources.in_git()
        if source.git and source.git.absence
    ]


def _check_environments() -> list[checks.CheckMessage]:
    return [
        checks.Error(
            f"{environment.name} has no database, because {environment.absence}.",
            hint=f"Set {environment.variable}, take {environment.slug} out of {settings.ENVIRONMENTS_FILE}, or say "
            "`optional = true` there.",
            id="signalbox.E001",
        )
        for environment in environments.all_environments()
        if not environment.configured and not environment.optional
    ]

"""What must exist around our Django migrations: the schema before them, the roles after them."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connections

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

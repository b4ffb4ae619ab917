"""People and their roles at /admin/: Django's own pages, with what must not be possible taken away.

Nobody is deleted, because requests, decisions and the audit log name people for good: they are deactivated. A user
name never changes, for the same reason. Only a superuser makes or touches a superuser. Who may enter /admin/ follows
from the role, so that the two never disagree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest, HttpResponse
from procrastinate.contrib.django.models import ProcrastinateJob

from dashboard.models.roles import Role
from dashboard.services import actors, people

if TYPE_CHECKING:
    from django.forms import ModelForm

admin.site.site_header = "Signalbox: people"
admin.site.site_title = "Signalbox"
admin.site.index_title = "People and their roles"
admin.site.enable_nav_sidebar = False
apps.get_app_config("auth").verbose_name = "People and roles"
admin.site.unregister([ProcrastinateJob, User, Group])


@admin.register(User)
class PersonAdmin(UserAdmin):
    list_display = ("username", "first_name", "last_name", "email", "roles", "is_active", "last_login")
    list_filter = ("is_active", "groups")
    actions = None
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Who it is", {"fields": ("first_name", "last_name", "email")}),
        ("What they may do", {"fields": ("is_active", "groups", "is_superuser")}),
        ("When", {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("last_login", "date_joined")
    filter_horizontal = ()

    @admin.display(description="roles")
    def roles(self, user: User) -> str:
        return ", ".join(people.footing(user).roles) or "none"

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs |= {
            "widget": CheckboxSelectMultiple,
            "label": "Roles",
            "help_text": "The highest counts; each includes those below it. Without one, a person sees nothing.",
        }
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        fixed = ("username",) if obj else ()
        return (*self.readonly_fields, *fixed, *(() if _is_superuser(request) else ("is_superuser",)))

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        beyond = obj is not None and obj.is_superuser and not _is_superuser(request)
        return not beyond and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm[User], change: bool) -> None:
        form.footing_before = people.footing(User.objects.get(pk=obj.pk)) if change else None  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: ModelForm[User], formsets: Any, change: bool) -> None:
        """Their groups are known only now; the view's transaction holds all of it."""
        super().save_related(request, form, formsets, change)
        people.changed(form.instance, before=form.footing_before, by=actors.from_request(request))  # type: ignore[attr-defined]

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        with transaction.atomic():
            before = self.get_object(request, unquote(id))
            answer = super().user_change_password(request, id, form_url)
            now = self.get_object(request, unquote(id))
            if before and now and before.password != now.password:
                people.password_set(now, by=actors.from_request(request))
        return answer


@admin.register(Group)
class RoleAdmin(GroupAdmin):
    """The roles are fixed: a group of another name would be one that nothing asks for."""

    fields = ("name", "what_it_may")
    readonly_fields = ("name", "what_it_may")
    actions = None

    @admin.display(description="what it may do")
    def what_it_may(self, group: Group) -> str:
        return MEANINGS.get(group.name, "nothing: Signalbox knows no such role")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return False


MEANINGS: dict[str, str] = {
    Role.VIEWER: "see everything, change nothing",
    Role.REQUESTER: "also ask for runs, and start approved ones and those of unprotected environments",
    Role.APPROVER: "also decide on other people's requests",
    Role.ADMIN: "also skip and settle migrations by hand, erase what a server said, and manage people here",
}


def _is_superuser(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.is_superuser

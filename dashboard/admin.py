"""People and their roles at /admin/: Django's own pages, with what must not be possible taken away.

People are invited on the page People and choose their own password; nobody sets one for another person. Nobody is
deleted, because requests, decisions and the audit log name people for good: they are deactivated. A user
name never changes, for the same reason. Only a superuser makes or touches a superuser. Who may enter /admin/ follows
from the role, so that the two never disagree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.decorators import secure_admin_login
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern

from dashboard.models.roles import Role
from dashboard.services import actors, people

if TYPE_CHECKING:
    from django.forms import ModelForm

admin.site.site_header = "Signalbox: people"
admin.site.site_title = "Signalbox"
admin.site.index_title = "People and their roles"
admin.site.enable_nav_sidebar = False
apps.get_app_config("auth").verbose_name = "People and roles"
#: One way in, with its counts and second factors, and one page for a password of one's own.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
for other in list(admin.site._registry):
    admin.site.unregister(other)


@admin.register(User)
class PersonAdmin(UserAdmin):
    list_display = ("username", "first_name", "last_name", "email", "roles", "is_active", "last_login")
    list_filter = ("is_active", "groups")
    actions = None
    fieldsets = (
        (None, {"fields": ("username",)}),
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

    def has_add_permission(self, request: HttpRequest) -> bool:
        """People are invited, and choose their own password."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """Without the form that sets the password of another person."""
        return [url for url in super().get_urls() if url.name != "auth_user_password_change"]


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


def _to_own_account(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    return redirect("account-password")


admin.site.password_change = _to_own_account  # type: ignore[assignment,method-assign]


MEANINGS: dict[str, str] = {
    Role.VIEWER: "see everything, change nothing",
    Role.REQUESTER: "also ask for runs, and start approved ones and those of unprotected environments",
    Role.APPROVER: "also decide on other people's requests",
    Role.ADMIN: "also skip and settle migrations by hand, erase what a server said, and manage people here",
}


def _is_superuser(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.is_superuser

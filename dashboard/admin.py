"""People and their roles at /admin/, to be read: Django's own pages, with what must not be possible taken away.

People are invited and changed on the page People, which asks who is asking, and they choose their own password. Nobody
is deleted, because requests, decisions and the audit log name people for good: they are deactivated. Who may enter
/admin/ follows from the role, so that the two never disagree.
"""

from __future__ import annotations

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern

from dashboard.models.roles import Role
from dashboard.services import people

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
    filter_horizontal = ()

    @admin.display(description="roles")
    def roles(self, user: User) -> str:
        return ", ".join(people.footing(user).roles) or "none"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
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
    Role.ADMIN: "also skip and settle migrations by hand, erase what a server said, and manage people",
}

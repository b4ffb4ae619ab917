"""Every page a person can open, as whom, in the state the demo begins with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, reverse


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """`name` is the picture's, `url_name` the resolver's; `who` is empty for someone who has not signed in."""

    name: str
    url_name: str
    kwargs: tuple[tuple[str, Any], ...] = ()
    query: str = ""
    who: str = "bob"
    status: int = 200

    @property
    def address(self) -> str:
        return reverse(self.url_name, kwargs=dict(self.kwargs)) + self.query


def _view(
    picture: str, url_name: str = "", /, *, who: str = "bob", query: str = "", status: int = 200, **kwargs: Any
) -> View:
    return View(
        name=picture, url_name=url_name or picture, who=who, query=query, status=status, kwargs=tuple(kwargs.items())
    )


#: Request 1 is done, request 2 waits. Rehearsal 1 saw a migration without rollback, rehearsal 2 none.
#: Run 4 applied 009 and 010, run 5 rolled 010 back, run 7 failed.
VIEWS = (
    _view("sign-in", "login", who=""),
    _view("overview"),
    _view("installation"),
    _view("overview-alice", "overview", who="alice"),
    _view("environments"),
    _view("environment-production", "environment", slug="production"),
    _view("environment-staging", "environment", slug="staging"),
    _view("environment-development", "environment", slug="development", who="alice"),
    _view("connection", slug="production"),
    _view("rebind-nothing", "rebind", slug="development", status=422),
    _view("apply-free", "apply", slug="development", who="alice"),
    _view("apply-protected", "apply", slug="production", query="?upto=009", who="alice"),
    _view("rollback-free", "rollback", slug="development", version="008", name="add_active_org_tracking"),
    _view("rollback-protected", "rollback", slug="production", version="008", name="add_active_org_tracking"),
    _view("skip", slug="development", version="010"),
    _view("skip-protected", "skip", slug="production", version="011"),
    _view("settle-nothing", "settle", slug="development", version="010", name="invoice_due_dates"),
    _view("unskip", slug="development", version="010", name="invoice_due_dates"),
    _view("saved", slug="development"),
    _view("saved-none", "saved", slug="production", who="alice"),
    _view("restore-records", slug="development", status=422),
    _view("bring-back", slug="development", run_key="0" * 32, version="010", name="invoice_due_dates", status=404),
    _view("import-nothing", "import", slug="staging"),
    _view("repairs", slug="staging"),
    _view("repair-skip", "repair", slug="production", action="skip"),
    _view("repair-mark", "repair", slug="staging", action="mark_applied"),
    _view("repair-nothing", "repair", slug="staging", action="unskip"),
    _view("drift", slug="staging"),
    _view("drift-protected", "drift", slug="production", who="alice"),
    _view("compare"),
    _view("edits-none", "edits", slug="staging"),
    _view("migrations"),
    _view("migrations-pending", "migrations", query="?state=pending"),
    _view("problems"),
    _view("migration", version="011", name="one_primary_database"),
    _view("migration-applied", "migration", version="003", name="user_management_and_permissions"),
    _view("sources"),
    _view("source", source="default"),
    _view("source-compare-none", "source-compare", source="default", old="a" * 40, new="b" * 40, status=404),
    _view("requests"),
    _view("requests-done", "requests", query="?tab=done"),
    _view("requests-none", "requests", who="alice"),
    _view("request-open", "request", pk=2),
    _view("request-own", "request", pk=2, who="alice"),
    _view("request-done", "request", pk=1),
    _view("rehearsal-reversible", "rehearsal", pk=2),
    _view("rehearsal-irreversible", "rehearsal", pk=1, who="alice"),
    _view("runs"),
    _view("run-end", pk=5, status=409),
    _view("run-erase", pk=7),
    _view("runs-none", "runs", query="?status=interrupted"),
    _view("run-succeeded", "run", pk=4),
    _view("run-rollback", "run", pk=5),
    _view("run-failed", "run", pk=7),
    _view("audit"),
    _view("audit-verified", "audit", query="?verify=1"),
    _view("audit-none", "audit", query="?kind=run.interrupted"),
    _view("admin", "admin:index"),
    _view("account"),
    _view("account-alice", "account", who="alice"),
    _view("account-index", "mfa_index"),
    _view("account-passkeys", "mfa_list_webauthn"),
    _view("account-password", who="alice"),
    _view("account-app", "mfa_activate_totp", who="alice"),
    _view("account-app-none", "mfa_deactivate_totp", status=404),
    _view("account-passkey", "mfa_add_webauthn", who="alice"),
    _view("account-passkey-none", "mfa_remove_webauthn", pk=1, status=404),
    _view("account-codes-none", "mfa_view_recovery_codes", status=404),
    _view("account-codes-new", "mfa_generate_recovery_codes", who="alice"),
    _view("confirm", "account_reauthenticate"),
    _view("confirm-provider-none", "account-confirm-provider"),
    _view("confirm-code-none", "mfa_reauthenticate"),
    _view("confirm-passkey-none", "mfa_reauthenticate_webauthn"),
    _view("guide"),
    _view("guide-refused", "guide", who="alice", status=403),
    _view("guide-target", slug="production"),
    _view("guide-rehearsals"),
    _view("people"),
    _view("people-refused", "people", who="alice", status=403),
    _view("people-invite"),
    _view("person", pk=1),
    _view("tokens"),
    _view("tokens-refused", "tokens", who="alice", status=403),
    _view("token-new"),
    _view("api"),
    _view("join-gone", "join", token="gone", who="", status=422),
    _view("sign-in-again", "account_login", who=""),
    _view("second-factor-none", "mfa_authenticate", who=""),
    _view("sign-in-passkey-none", "mfa_login_webauthn", who=""),
    _view("github-typed", "github_login", who=""),
    _view("github-answer-none", "github_callback", who="", status=404),
    _view("provider-typed", "openid_connect_login", provider_id="oidc", who=""),
    _view("provider-answer-none", "openid_connect_callback", provider_id="oidc", who="", status=404),
    _view("admin-people", "admin:auth_user_changelist"),
    _view("roles", "admin:auth_group_changelist"),
    _view("not-found", "migration", version="999", name="unknown", status=404),
    _view("refused", "rollback", slug="development", version="010", name="invoice_due_dates", status=422),
    _view("no-role", "overview", who="oscar", status=403),
)
#: They change something, so they answer nothing to a GET.
POST_ONLY = frozenset(
    {
        "account-notices",
        "account-sessions-end",
        "apply-rehearse",
        "break-glass",
        "break-glass-review",
        "drift-accept",
        "drift-check",
        "environment-refresh",
        "hook",
        "logout",
        "people-link",
        "people-remove-factor",
        "request-approve",
        "request-comment",
        "request-rehearse",
        "request-reject",
        "request-run",
        "request-schedule",
        "request-unschedule",
        "request-withdraw",
        "rollback-rehearse",
        "run-cancel",
        "source-fetch",
        "seed-migrate",
        "seed-rollback",
        "theme",
        "token-revoke",
    }
)


#: They answer machines, in JSON, and no page is behind them.
JSON_ONLY = frozenset({"ready", "seed-status"})


def own_patterns() -> Iterator[URLPattern]:
    """Ours; Django's admin is not."""
    from dashboard import urls

    for pattern in urls.urlpatterns:
        assert not isinstance(pattern, URLResolver), f"{pattern} hides pages: walk into it here"
        yield pattern

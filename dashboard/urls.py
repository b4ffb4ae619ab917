"""Every page, grouped by resource; verbs are the last segment, and only POST changes anything."""

from allauth.account import views as signing_in
from allauth.mfa.base import views as factors
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as passkeys
from django.urls import path

from dashboard.api import page, ready, seed
from dashboard.views import (
    account,
    audit,
    breaking_glass,
    connections,
    drift,
    edits,
    environments,
    guide,
    hooks,
    imports,
    installations,
    invitations,
    migrations,
    overview,
    people,
    rebinding,
    records,
    rehearsals,
    repairs,
    requests,
    rollbacks,
    runs,
    saved,
    settling,
    skips,
    sources,
    tokens,
)

#: allauth's views keep the names it knows them by; only these are mounted.
sign_in_urls = [
    path("sign-in/", people.SignIn.as_view(), name="login"),
    path("sign-in/", people.SignIn.as_view(), name="account_login"),
    path("sign-in/second-factor/", factors.authenticate, name="mfa_authenticate"),
    path("sign-in/passkey/", people.passkey_login, name="mfa_login_webauthn"),
    path("sign-in/github/", people.github_login, name="github_login"),
    path("sign-in/github/callback/", people.github_callback, name="github_callback"),
    path("sign-in/with/<slug:provider_id>/", people.openid_login, name="openid_connect_login"),
    path("sign-in/with/<slug:provider_id>/callback/", people.openid_callback, name="openid_connect_callback"),
    path("sign-out/", people.SignOut.as_view(), name="logout"),
    path("join/<str:token>/", invitations.join, name="join"),
    path("confirm/", signing_in.reauthenticate, name="account_reauthenticate"),
    path("confirm/code/", factors.reauthenticate, name="mfa_reauthenticate"),
    path("confirm/provider/", people.confirm_by_provider, name="account-confirm-provider"),
    path("confirm/passkey/", passkeys.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
]

account_urls = [
    path("account/", account.detail, name="account"),
    path("account/", account.detail, name="mfa_index"),
    path("account/", account.detail, name="mfa_list_webauthn"),
    path("account/password/", account.password, name="account-password"),
    path("account/notices/", account.choose_notices, name="account-notices"),
    path("account/sessions/end/", account.end_sessions, name="account-sessions-end"),
    path("account/app/add/", totp.activate_totp, name="mfa_activate_totp"),
    path("account/app/remove/", totp.deactivate_totp, name="mfa_deactivate_totp"),
    path("account/passkeys/add/", passkeys.add_webauthn, name="mfa_add_webauthn"),
    path("account/passkeys/<int:pk>/remove/", passkeys.remove_webauthn, name="mfa_remove_webauthn"),
    path("account/codes/", codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("account/codes/new/", codes.generate_recovery_codes, name="mfa_generate_recovery_codes"),
    path("theme/", people.theme, name="theme"),
]

people_urls = [
    path("people/", invitations.index, name="people"),
    path("people/invite/", invitations.invite, name="people-invite"),
    path("people/<int:pk>/", invitations.person, name="person"),
    path("people/<int:pk>/link/", invitations.new_link, name="people-link"),
    path("people/<int:pk>/second-factor/remove/", invitations.remove_factor, name="people-remove-factor"),
]

token_urls = [
    path("tokens/", tokens.index, name="tokens"),
    path("tokens/new/", tokens.new, name="token-new"),
    path("tokens/<int:pk>/revoke/", tokens.revoke, name="token-revoke"),
]

environment_urls = [
    path("environments/", environments.index, name="environments"),
    path("environments/<slug:slug>/", environments.detail, name="environment"),
    path("environments/<slug:slug>/refresh/", environments.refresh, name="environment-refresh"),
    path("environments/<slug:slug>/connection/", connections.examine, name="connection"),
    path("environments/<slug:slug>/rebind/", rebinding.confirm, name="rebind"),
    path("environments/<slug:slug>/apply/", requests.new_apply, name="apply"),
    path("environments/<slug:slug>/apply/rehearse/", rehearsals.of_apply, name="apply-rehearse"),
    path("environments/<slug:slug>/rollback/<str:version>/<str:name>/", rollbacks.new, name="rollback"),
    path(
        "environments/<slug:slug>/rollback/<str:version>/<str:name>/rehearse/",
        rehearsals.of_rollback,
        name="rollback-rehearse",
    ),
    path("environments/<slug:slug>/settle/<str:version>/<str:name>/", settling.settle, name="settle"),
    path("environments/<slug:slug>/saved/", saved.index, name="saved"),
    path("environments/<slug:slug>/saved/<str:run_key>/<str:version>/<str:name>/", saved.bring_back, name="bring-back"),
    path("environments/<slug:slug>/edited/", edits.index, name="edits"),
    path("environments/<slug:slug>/records/", records.restore, name="restore-records"),
    path("environments/<slug:slug>/import/", imports.index, name="import"),
    path("environments/<slug:slug>/history/", repairs.index, name="repairs"),
    path("environments/<slug:slug>/history/<slug:action>/", repairs.mend, name="repair"),
    path("environments/<slug:slug>/drift/", drift.detail, name="drift"),
    path("environments/<slug:slug>/drift/check/", drift.check, name="drift-check"),
    path("environments/<slug:slug>/drift/accept/", drift.accept, name="drift-accept"),
    path("compare/", drift.compare, name="compare"),
    path("environments/<slug:slug>/skip/<str:version>/", skips.new, name="skip"),
    path("environments/<slug:slug>/unskip/<str:version>/<str:name>/", skips.undo, name="unskip"),
]

migration_urls = [
    path("migrations/", migrations.index, name="migrations"),
    path("migrations/problems/", migrations.problems, name="problems"),
    path("migrations/<str:version>/<str:name>/", migrations.detail, name="migration"),
]

source_urls = [
    path("sources/", sources.index, name="sources"),
    path("sources/<slug:source>/", sources.detail, name="source"),
    path("sources/<slug:source>/compare/<slug:old>...<slug:new>/", sources.compare, name="source-compare"),
    path("hooks/<slug:hook>", hooks.push, name="hook"),
    path("sources/<slug:source>/fetch/", sources.fetch, name="source-fetch"),
]

request_urls = [
    path("requests/", requests.index, name="requests"),
    path("requests/<int:pk>/", requests.detail, name="request"),
    path("requests/<int:pk>/approve/", requests.approve, name="request-approve"),
    path("requests/<int:pk>/reject/", requests.reject, name="request-reject"),
    path("requests/<int:pk>/withdraw/", requests.withdraw, name="request-withdraw"),
    path("requests/<int:pk>/run/", requests.run, name="request-run"),
    path("requests/<int:pk>/comment/", requests.comment, name="request-comment"),
    path("requests/<int:pk>/schedule/", requests.schedule, name="request-schedule"),
    path("requests/<int:pk>/unschedule/", requests.unschedule, name="request-unschedule"),
    path("requests/<int:pk>/break-glass/", breaking_glass.open_for, name="break-glass"),
    path("requests/<int:pk>/break-glass/<int:opening>/review/", breaking_glass.review, name="break-glass-review"),
    path("requests/<int:pk>/rehearse/", rehearsals.of_request, name="request-rehearse"),
]

rehearsal_urls = [
    path("rehearsals/<int:pk>/", rehearsals.detail, name="rehearsal"),
]

run_urls = [
    path("runs/", runs.index, name="runs"),
    path("runs/<int:pk>/", runs.detail, name="run"),
    path("runs/<int:pk>/cancel/", runs.cancel, name="run-cancel"),
    path("runs/<int:pk>/end/", runs.end, name="run-end"),
    path("runs/<int:pk>/erase/", runs.erase, name="run-erase"),
]

guide_urls = [
    path("start/", guide.index, name="guide"),
    path("start/targets/<slug:slug>/", guide.target, name="guide-target"),
    path("start/rehearsals/", guide.rehearsals, name="guide-rehearsals"),
]

#: The source document's own, at the addresses that its callers know.
seed_urls = [
    path("status", seed.status, name="seed-status"),
    path("migrate", seed.migrate, name="seed-migrate"),
    path("rollback", seed.rollback, name="seed-rollback"),
]

api_urls = [
    path("api/", page.index, name="api"),
    path("ready", ready.ready, name="ready"),
]

urlpatterns = [
    path("", overview.index, name="overview"),
    path("installation/", installations.detail, name="installation"),
    *guide_urls,
    *sign_in_urls,
    *account_urls,
    *people_urls,
    *token_urls,
    *environment_urls,
    *migration_urls,
    *source_urls,
    *request_urls,
    *rehearsal_urls,
    *run_urls,
    *seed_urls,
    *api_urls,
    path("audit/", audit.index, name="audit"),
]

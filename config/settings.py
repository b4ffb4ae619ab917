"""All settings, read from the environment through django-environ. No other module reads the environment.

Reference of every variable: docs/SETTINGS.md.
"""

from __future__ import annotations

import secrets
from pathlib import Path

import environ
from django.utils.csp import CSP

from config import (
    bodies,
    control_database,
    declaration,
    keys,
    logging,
    mail,
    numbers,
    providers,
    proxies,
    secret_key,
    tokens,
)
from config.errors import Misconfigured
from config.version import VERSION as VERSION

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

DEBUG = env.bool("SIGNALBOX_DEBUG", default=False)
#: At build time (collectstatic) there is no database and no secret.
BUILDING = env.bool("SIGNALBOX_BUILD", default=False)
ON_RAILWAY = bool(env.str("RAILWAY_ENVIRONMENT_ID", default=""))

SECRET_KEY = env.str("SIGNALBOX_SECRET_KEY", default="")
#: Commands such as `signalbox status` need no lasting key; the web process refuses to serve with this one.
SECRET_KEY_IS_EPHEMERAL = not SECRET_KEY
if fault := secret_key.fault_of(SECRET_KEY) if SECRET_KEY else "":
    raise Misconfigured(f"SIGNALBOX_SECRET_KEY {fault}. {secret_key.HOW}")
SECRET_KEY = SECRET_KEY or secrets.token_urlsafe(64)
SECRET_KEY_FALLBACKS = env.list("SIGNALBOX_SECRET_KEY_FALLBACKS", default=[])

# Signalbox

#: What the hashes of the audit log are made with: the first for new events, the others for those that carry them.
AUDIT_KEYS = keys.load(env.list("SIGNALBOX_AUDIT_KEY", default=[]))
#: Where the head of the audit log is appended to, besides the log of the process.
AUDIT_HEAD_FILE = env.str("SIGNALBOX_AUDIT_HEAD_FILE", default="")
ENVIRONMENTS_FILE = declaration.file_of(env.ENVIRON, BASE_DIR)
ENVIRONMENTS_FILE_IS_NAMED = declaration.is_named(env.ENVIRON)
_DECLARED = declaration.read(env.ENVIRON, BASE_DIR)
ENVIRONMENTS = _DECLARED.environments
#: Jobs of a CI that are known by the identity token of their host.
TRUSTED_JOBS = _DECLARED.jobs
#: The sources that the file declares, beside the default one.
SOURCES = _DECLARED.sources
#: The folder of the default source: the variable, else what the file says, else the folder that ships empty.
SOURCE = _DECLARED.default.folder
#: The repository that the file declares for it, unless the variable names a folder.
SOURCE_GIT = _DECLARED.default.git
#: In which format, and with which values for its placeholders.
SOURCE_READING = _DECLARED.default.reading
#: True in the web process (config/wsgi.py): it reads targets with `<VARIABLE>_READ` where that is set.
SERVES_PAGES = False
#: Tells the processes of this deployment from those of another one, where both would see the same control database: a
#: copy of its files on the same kind of server.
DEPLOYMENT = env.str("SIGNALBOX_DEPLOYMENT", default=env.str("RAILWAY_ENVIRONMENT_ID", default=""))
TRACKING_SCHEMA = _DECLARED.tracking_schema
#: The server for throw-away databases; without one a private server is started for each rehearsal.
REHEARSAL_URL = _DECLARED.rehearsal_url
#: How often the schema of each target is compared with what its runs left; 0 for never.
DRIFT_MINUTES = numbers.whole(env.ENVIRON, "SIGNALBOX_DRIFT_MINUTES", default=60)
#: After so many days what servers said of a run is erased by itself; 0 for never.
SERVER_MESSAGES_DAYS = numbers.whole(env.ENVIRON, "SIGNALBOX_SERVER_MESSAGES_DAYS", default=0)
#: The token that CIs of the source document's runner send; with the scopes and environments of its own variables.
MIGRATION_SECRET = tokens.load(env.ENVIRON)
#: How often in an hour one token asks for something, or has it run, on one environment; 0 for as often as it likes.
TOKEN_DEEDS_AN_HOUR = numbers.whole(env.ENVIRON, "SIGNALBOX_TOKEN_DEEDS_AN_HOUR", default=5)
BUILD_COMMIT = env.str("RAILWAY_GIT_COMMIT_SHA", default="")[:12]


# The control database: our own tables, in the schema "signalbox"

CONTROL_SCHEMA = "signalbox"
#: False in a checkout where neither variable holds anything.
CONTROL_DATABASE_IS_NAMED = any(env.ENVIRON.get(name) for name in control_database.VARIABLES)
DATABASES = {
    "default": {
        **control_database.where(env.ENVIRON),
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }
}
DATABASES["default"]["OPTIONS"] = {
    **DATABASES["default"]["OPTIONS"],
    # A worker that freezes in the middle of a transaction must not keep its row from whoever takes its run over.
    "options": f"-c search_path={CONTROL_SCHEMA} -c idle_in_transaction_session_timeout=10s",
    "application_name": "signalbox control",
    "connect_timeout": 5,
}
#: The role that owns the tables, for `migrate` alone, where web and worker connect as one that does not.
if DATABASE_OWNER_URL := env.str("SIGNALBOX_DATABASE_OWNER_URL", default=""):
    _OWNER = control_database.parts_of("SIGNALBOX_DATABASE_OWNER_URL", DATABASE_OWNER_URL)
    _OWNER["OPTIONS"] = {**_OWNER["OPTIONS"], **DATABASES["default"]["OPTIONS"]}
    DATABASES["owner"] = {**DATABASES["default"], **_OWNER, "ENGINE": "django.db.backends.postgresql"}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PROCRASTINATE_ON_APP_READY = "config.queue_connector.use"

# Django

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "procrastinate.contrib.django",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.github",
    "allauth.socialaccount.providers.openid_connect",
    "dashboard.apps.DashboardConfig",
    "django.contrib.auth",  # after ours, whose createsuperuser stands for Django's
]
MIDDLEWARE = [
    "dashboard.middleware.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "dashboard.middleware.HiddenCharactersMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "dashboard.middleware.PrivacyMiddleware",
    "dashboard.middleware.VerbMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "dashboard.middleware.NoSuchAddressMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "dashboard.middleware.PersonSessionMiddleware",
    "dashboard.middleware.RefusalMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "dashboard.middleware.RoleMiddleware",
    "dashboard.middleware.LimitMiddleware",
    "dashboard.middleware.ErrorAnswerMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboard.views.context.frame",
            ],
        },
    }
]

# People: how they sign in, and how long that lasts (docs/decisions/0031)

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "dashboard.services.passwords.GuessableValidator"},
    {"NAME": "dashboard.services.passwords.GuessesValidator"},
    {"NAME": "dashboard.services.passwords.LeakedValidator"},
]
#: A file of SHA-1 hashes of leaked passwords, ordered by hash; without one none is asked.
LEAKED_PASSWORDS_FILE = env.str("SIGNALBOX_LEAKED_PASSWORDS_FILE", default="")
#: How long a person stays signed in without doing anything; 0 for as long as the session lasts, which is 12 hours.
IDLE_MINUTES = numbers.whole(env.ENVIRON, "SIGNALBOX_IDLE_MINUTES", default=60)
#: How fresh a sign-in must be to approve, apply or roll back on a protected environment; 0 for any.
REAUTHENTICATE_SECONDS = numbers.whole(env.ENVIRON, "SIGNALBOX_REAUTHENTICATE_SECONDS", default=300)
#: Who needs a second factor before anything else is shown to them.
SECOND_FACTOR_ROLES = frozenset(env.list("SIGNALBOX_SECOND_FACTOR_ROLES", default=[]))

ACCOUNT_ADAPTER = "dashboard.views.adapters.AccountAdapter"
ACCOUNT_FORMS = {"login": "dashboard.forms.people.SignInForm", "reauthenticate": "dashboard.forms.people.ConfirmForm"}
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_NOTIFICATIONS = False
ACCOUNT_SESSION_REMEMBER = True
SHORTEST_REAUTHENTICATION = 30
#: How fresh one must be to change one's own second factors, on allauth's pages.
ACCOUNT_REAUTHENTICATION_TIMEOUT = numbers.whole(env.ENVIRON, "SIGNALBOX_REAUTHENTICATE_ACCOUNT_SECONDS", default=300)
if ACCOUNT_REAUTHENTICATION_TIMEOUT < SHORTEST_REAUTHENTICATION:
    raise Misconfigured(
        f"SIGNALBOX_REAUTHENTICATE_ACCOUNT_SECONDS is below {SHORTEST_REAUTHENTICATION}, too few to fill in a form."
    )
#: Passwords are counted by services.throttle; these are for the codes of second factors.
ACCOUNT_RATE_LIMITS = {"login": None, "login_failed": "10/5m/key", "reauthenticate": "20/m/user"}
MFA_ADAPTER = "dashboard.views.adapters.SecondFactorAdapter"
MFA_FORMS = {
    "authenticate": "dashboard.forms.people.CodeForm",
    "reauthenticate": "dashboard.forms.people.ConfirmCodeForm",
    "activate_totp": "dashboard.forms.people.AddAppForm",
    "add_webauthn": "dashboard.forms.people.AddPasskeyForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Signalbox"
#: For so many steps of 30 seconds before and after its own a code is taken.
MFA_TOTP_TOLERANCE = numbers.whole(env.ENVIRON, "SIGNALBOX_CODE_TOLERANCE", default=1)
MFA_RECOVERY_CODE_COUNT = 10
SOCIALACCOUNT_ADAPTER = "dashboard.views.adapters.ProviderAdapter"
#: By a link: the content security policy lets no form lead to another site, not even by way of ours.
SOCIALACCOUNT_LOGIN_ON_GET = True
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_QUERY_EMAIL = True
SOCIALACCOUNT_PROVIDERS = providers.load(env)
#: Of several, whose word counts for somebody who comes the first time: oidc, google, github.
VOUCHING_PROVIDERS = tuple(env.list("SIGNALBOX_VOUCHING_PROVIDERS", default=[]))
SOCIALACCOUNT_OPENID_CONNECT_URL_PREFIX = ""

#: Counts of codes, and codes that were used: all processes have to know of them. A full cache forgets some of them
#: before their time, so it has room for more than people can use in that time.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "dashboard_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

LANGUAGE_CODE = "en-us"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
#: Without a collected manifest (a platform that runs no build step) files are served from where they lie.
STATIC_IS_COLLECTED = BUILDING or (BASE_DIR / "staticfiles" / "staticfiles.json").exists()
STATIC_ROOT = BASE_DIR / "staticfiles" if STATIC_IS_COLLECTED else None
WHITENOISE_USE_FINDERS = not STATIC_IS_COLLECTED
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if STATIC_IS_COLLECTED
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# The edge

PUBLIC_HOSTS = [
    h for h in (env.str("RAILWAY_PUBLIC_DOMAIN", default=""), *env.list("SIGNALBOX_HOSTS", default=[])) if h
]
# Mails: none without a server to send them through. Links in them begin with what is configured here, never with what a
# request says its host is.

_OUTBOUND = mail.load(env.ENVIRON, PUBLIC_HOSTS)
SENDS_MAIL = bool(_OUTBOUND.options)
BASE_URL = _OUTBOUND.base
MAIL_SENDER = _OUTBOUND.sender
#: Where the head of the audit log goes once a day.
AUDIT_HEAD_MAIL = tuple(env.list("SIGNALBOX_AUDIT_HEAD_MAIL", default=[]))
if SENDS_MAIL:
    MAILERS = _OUTBOUND.mailers

#: Plain HTTP is for a machine of one's own (the demo); everywhere else cookies and pages insist on HTTPS.
INSECURE_HTTP = env.bool("SIGNALBOX_INSECURE_HTTP", default=DEBUG)
#: Names of this machine are no way in where there is a public one. Probes ask /health, which takes any name.
ALLOWED_HOSTS = [
    *PUBLIC_HOSTS,
    *(h for h in (env.str("RAILWAY_PRIVATE_DOMAIN", default=""),) if h),
    *(["localhost", "127.0.0.1", "[::1]"] if INSECURE_HTTP or not PUBLIC_HOSTS else []),
]
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in PUBLIC_HOSTS]
if ON_RAILWAY or env.bool("SIGNALBOX_BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
#: config.bodies names what is larger.
DATA_UPLOAD_MAX_MEMORY_SIZE = bodies.USUAL
SECURE_SSL_REDIRECT = not INSECURE_HTTP
SECURE_REDIRECT_EXEMPT = [r"^health$"]
SECURE_HSTS_SECONDS = 0 if INSECURE_HTTP else 31_536_000
#: What holds for every name below this one is for the owner of the domain to say, and hard to take back.
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("SIGNALBOX_HSTS_SUBDOMAINS", default=False)
SECURE_HSTS_PRELOAD = env.bool("SIGNALBOX_HSTS_PRELOAD", default=False)
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = not INSECURE_HTTP
CSRF_COOKIE_SECURE = not INSECURE_HTTP
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_NAME = "signalbox_session" if INSECURE_HTTP else "__Host-signalbox_session"
CSRF_COOKIE_NAME = "signalbox_csrf" if INSECURE_HTTP else "__Host-signalbox_csrf"
THEME_COOKIE_NAME = "signalbox_theme" if INSECURE_HTTP else "__Host-signalbox_theme"
KNOWN_BROWSER_COOKIE_NAME = "signalbox_known" if INSECURE_HTTP else "__Host-signalbox_known"
SESSION_COOKIE_AGE = 12 * 3600
CSRF_FAILURE_VIEW = "dashboard.views.errors.csrf_failure"
X_FRAME_OPTIONS = "DENY"
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
    "base-uri": [CSP.NONE],
}
#: Whose word counts about the client's address, and which header says it. Railway's edge comes from 100.0.0.0/8 and
#: sets X-Real-IP; its private network, where anyone in the project can send that header, comes from elsewhere.
TRUSTED_PROXIES = proxies.load(env.str("SIGNALBOX_TRUSTED_PROXIES", default="100.0.0.0/8" if ON_RAILWAY else ""))
CLIENT_ADDRESS_HEADER = "HTTP_X_REAL_IP" if ON_RAILWAY else "HTTP_X_FORWARDED_FOR"

#: Passkeys need HTTPS, except on the machine itself.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = INSECURE_HTTP

DEFAULT_EXCEPTION_REPORTER_FILTER = "config.logging.SecretsFilter"
#: How people call the command line here; whatever tells them to says it so.
COMMAND_LINE = env.str("SIGNALBOX_COMMAND_LINE", default="python manage.py signalbox")
LOGGING = logging.configure(env.str("SIGNALBOX_LOG_LEVEL", default="INFO"))

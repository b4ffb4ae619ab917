"""Signalbox on Railway as code: the control database, a server for rehearsals, the web service and the worker.

Put your own repository in place of ORG/signalbox, and the major version of your targets beside it. The first apply
makes the keys, and every later one keeps what Railway holds:

    pip install railway-sdk
    FIRST_APPLY=1 railway config apply
    railway domain --service web

What is set in Railway's dashboard and not named here is deleted by the next apply: add yours to KEPT.
"""

import os
import secrets

from railway_sdk import database, define_railway, github, group, postgres, preserve, project, service

SOURCE = "ORG/signalbox"
#: A rehearsal on another version than that of the target is no evidence.
TARGET_POSTGRES = "17"

#: Made once. What one sealed, another one cannot read.
KEYS = ("SIGNALBOX_SECRET_KEY", "SIGNALBOX_AUDIT_KEY")
#: Set in the dashboard, on both services: what config/environments.toml names, and every setting that one may have.
KEPT = (
    "DATABASE_URL",
    "DATABASE_URL_STAGING",
    "DATABASE_URL_DEV",
    "DATABASE_URL_READ",
    "DATABASE_URL_STAGING_READ",
    "DATABASE_URL_DEV_READ",
    "MIGRATION_SECRET",
    "SIGNALBOX_MIGRATION_SECRET_ENVIRONMENTS",
    "SIGNALBOX_MIGRATION_SECRET_SCOPES",
    "SIGNALBOX_AUDIT_HEAD_FILE",
    "SIGNALBOX_AUDIT_HEAD_MAIL",
    "SIGNALBOX_BASE_URL",
    "SIGNALBOX_CODE_TOLERANCE",
    "SIGNALBOX_DATABASE_OWNER_URL",
    "SIGNALBOX_DEPLOYMENT",
    "SIGNALBOX_DRAIN_SECONDS",
    "SIGNALBOX_DRIFT_MINUTES",
    "SIGNALBOX_EMAIL_FROM",
    "SIGNALBOX_EMAIL_URL",
    "SIGNALBOX_ENVIRONMENTS",
    "SIGNALBOX_GITHUB_CLIENT_ID",
    "SIGNALBOX_GITHUB_SECRET",
    "SIGNALBOX_GOOGLE_CLIENT_ID",
    "SIGNALBOX_GOOGLE_SECRET",
    "SIGNALBOX_HOSTS",
    "SIGNALBOX_HSTS_PRELOAD",
    "SIGNALBOX_HSTS_SUBDOMAINS",
    "SIGNALBOX_IDLE_MINUTES",
    "SIGNALBOX_LEAKED_PASSWORDS_FILE",
    "SIGNALBOX_LOG_LEVEL",
    "SIGNALBOX_MIGRATE_WAIT_SECONDS",
    "SIGNALBOX_OIDC_CLIENT_ID",
    "SIGNALBOX_OIDC_NAME",
    "SIGNALBOX_OIDC_SECRET",
    "SIGNALBOX_OIDC_URL",
    "SIGNALBOX_REAUTHENTICATE_ACCOUNT_SECONDS",
    "SIGNALBOX_REAUTHENTICATE_SECONDS",
    "SIGNALBOX_SECOND_FACTOR_ROLES",
    "SIGNALBOX_SECRET_KEY_FALLBACKS",
    "SIGNALBOX_SERVER_MESSAGES_DAYS",
    "SIGNALBOX_SOURCE",
    "SIGNALBOX_TOKEN_DEEDS_AN_HOUR",
    "SIGNALBOX_TRACKING_SCHEMA",
    "SIGNALBOX_TRUSTED_PROXIES",
    "SIGNALBOX_VOUCHING_PROVIDERS",
    "SIGNALBOX_WEB_PROCESSES",
    "SIGNALBOX_WEB_THREADS",
    "SIGNALBOX_WORKER_CONCURRENCY",
)
BUILD = {
    "builder": "DOCKERFILE",
    "dockerfilePath": "Dockerfile",
    "watchPatterns": ["/**", "!/docs/**", "!/tests/**", "!/benchmarks/**", "!/examples/**", "!/*.md"],
}


@define_railway
def main(ctx=None):
    control = postgres("signalbox-db")
    rehearsals = database(
        "rehearsal-db",
        "postgres",
        image=f"ghcr.io/railwayapp-templates/postgres-ssl:{TARGET_POSTGRES}",
        defaultMountPath="/var/lib/postgresql/data",
    )
    shared = {
        "SIGNALBOX_DATABASE_URL": control.env.DATABASE_URL,
        "SIGNALBOX_REHEARSAL_URL": rehearsals.env.DATABASE_URL,
        **{name: preserve() for name in KEPT},
    }
    web = service(
        "web",
        source=github(SOURCE),
        build=BUILD,
        preDeploy="python manage.py migrate --noinput",
        start="./bin/start",
        healthcheck="/health",
        healthcheckTimeout=60,
        deploy={"restartPolicyType": "ON_FAILURE", "restartPolicyMaxRetries": 10, "drainingSeconds": 30},
        env={**shared, **{name: key() for name in KEYS}, "SIGNALBOX_ROLE": "web"},
    )
    worker = service(
        "worker",
        source=github(SOURCE),
        build=BUILD,
        start="./bin/start",
        deploy={"restartPolicyType": "ALWAYS", "drainingSeconds": 600},
        env={**shared, **{name: web.env[name] for name in KEYS}, "SIGNALBOX_ROLE": "worker"},
    )
    return project("signalbox", resources=[group("Signalbox", [control, rehearsals, web, worker])])


def key():
    return secrets.token_urlsafe(48) if os.environ.get("FIRST_APPLY") == "1" else preserve()

"""Signalbox on Railway as code: a database, the web service and the worker. `railway config plan` shows the effect.

Put your own repository in place of ORG/signalbox. The secrets are set once in Railway's dashboard and preserved.
"""

from railway_sdk import define_railway, github, group, postgres, preserve, project, service

SOURCE = "ORG/signalbox"


@define_railway
def main(ctx=None):
    database = postgres("signalbox-db")
    env = {
        "SIGNALBOX_DATABASE_URL": database.env.DATABASE_URL,
        "SIGNALBOX_SECRET_KEY": preserve(),
        "SIGNALBOX_AUDIT_KEY": preserve(),
        "DATABASE_URL": preserve(),
        "DATABASE_URL_STAGING": preserve(),
        "DATABASE_URL_DEV": preserve(),
    }
    web = service(
        "web",
        source=github(SOURCE),
        preDeploy="python manage.py migrate --noinput",
        start="./bin/start",
        healthcheck="/health",
        healthcheckTimeout=60,
        deploy={"restartPolicyType": "ON_FAILURE", "restartPolicyMaxRetries": 10, "drainingSeconds": 30},
        env={**env, "SIGNALBOX_ROLE": "web"},
    )
    worker = service(
        "worker",
        source=github(SOURCE),
        start="./bin/start",
        deploy={"restartPolicyType": "ALWAYS", "drainingSeconds": 600},
        env={**env, "SIGNALBOX_ROLE": "worker"},
    )
    return project("signalbox", resources=[group("Signalbox", [database, web, worker])])

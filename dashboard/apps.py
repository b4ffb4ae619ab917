from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class DashboardConfig(AppConfig):
    name = "dashboard"
    verbose_name = "Signalbox"

    def ready(self) -> None:
        from django.core import checks

        from dashboard import setup
        from dashboard.engine.secrecy import close_process
        from dashboard.services import notices, people

        close_process()  # it holds every key, and rehearsals may run as the same user
        pre_migrate.connect(setup.create_schema, sender=self, dispatch_uid="signalbox.create_schema")
        post_migrate.connect(setup.create_roles, sender=self, dispatch_uid="signalbox.create_roles")
        people.connect()
        notices.connect()
        checks.register(setup.check_declared, "signalbox", deploy=True)
        checks.register(setup.check_mail, checks.Tags.mail, deploy=True)

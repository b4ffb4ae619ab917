"""The web process's entry point."""

import os

from dashboard.engine.secrecy import close_process

close_process()  # under any server, and before all that takes time

from django.core.wsgi import get_wsgi_application  # noqa: E402

from config.errors import Misconfigured  # noqa: E402

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()

from django.conf import settings  # noqa: E402  # only after Django is set up

settings.SERVES_PAGES = True
if settings.SECRET_KEY_IS_EPHEMERAL:
    raise Misconfigured(
        "SIGNALBOX_SECRET_KEY is not set. Without it every restart, and every second web process, would sign people "
        "out. Set it to a long random text, for example the output of: openssl rand -base64 48"
    )

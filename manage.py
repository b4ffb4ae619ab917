#!/usr/bin/env python
"""Django's command line; `manage.py signalbox` is Signalbox's own."""

import os
import sys

from dashboard.engine.secrecy import close_process

close_process()  # before all that takes time: what holds keys is open to others of its user until then


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from config.errors import Misconfigured

    try:
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, Misconfigured) as error:
        sys.exit(f"Signalbox is not set up right: {error}")


if __name__ == "__main__":
    main()

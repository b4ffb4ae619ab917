"""Starts gunicorn, in a process that is closed to others of its user before anything else of it is read."""

from __future__ import annotations

import sys

from dashboard.engine.secrecy import close_process


def main() -> None:
    close_process()
    from gunicorn.app.wsgiapp import run

    sys.argv = ["gunicorn", "--config", "config/gunicorn.py", "config.wsgi"]
    run()


if __name__ == "__main__":
    main()

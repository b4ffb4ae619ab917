"""How gunicorn serves Signalbox. Started by bin/start."""

import os
import socket
import sys

from gunicorn.config import Config
from gunicorn.glogging import Logger

from config import numbers
from config.errors import Misconfigured
from config.logging import OneLineFormatter
from dashboard.engine.secrecy import close_process

close_process()  # gunicorn's first process holds the keys too, and loads no Django


def _address() -> str:
    """Railway's private network may be IPv6 only; a socket bound to [::] serves IPv4 as well."""
    port = numbers.port(os.environ)
    return f"[::]:{port}" if _has_ipv6() else f"0.0.0.0:{port}"


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True


class OneLineLogger(Logger):
    """A path is decoded before it is logged, so a client could end the line in it and begin one of its own."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        for logger in (self.error_log, self.access_log):
            for handler in logger.handlers:
                if handler.formatter:
                    handler.setFormatter(OneLineFormatter(handler.formatter._fmt, handler.formatter.datefmt))


try:
    bind = os.environ.get("SIGNALBOX_BIND") or _address()
    workers = numbers.whole(os.environ, "SIGNALBOX_WEB_PROCESSES", default=2, least=1)
    threads = numbers.whole(os.environ, "SIGNALBOX_WEB_THREADS", default=8, least=1)
except Misconfigured as error:  # gunicorn would print a traceback with it
    sys.exit(f"Signalbox is not set up right: {error}")
#: gthread, but a client that sends half a request holds no thread.
worker_class = "config.web_worker.CollectingWorker"
timeout = 60
graceful_timeout = 20
keepalive = 75
max_requests = 10_000
max_requests_jitter = 1_000
loglevel = os.environ.get("SIGNALBOX_LOG_LEVEL", "INFO").lower()
#: Paths without their query, because a query may hold what a person typed.
accesslog = "-" if loglevel in ("debug", "info") else None
access_log_format = "%(m)s %(U)s %(s)s %(B)s bytes %(M)s ms request=%({x-railway-request-id}i)s"
logger_class = OneLineLogger
#: gunicorn's own control socket would be one more door.
control_socket_disable = True

"""Logs to stderr, one line each; no secret in a log or an error report, and no line that a client made up."""

from __future__ import annotations

import logging
import re
from typing import Any

from django.views.debug import SafeExceptionReporterFilter


class SecretsFilter(SafeExceptionReporterFilter):
    """Also hides what Django's own filter does not match: URLs and DSNs hold passwords."""

    hidden_settings = re.compile(
        "API|AUTH|TOKEN|KEY|SECRET|PASS|SIGNATURE|HTTP_COOKIE|URL|DSN|CONN|DATABASES", re.IGNORECASE
    )


#: In a path, a one-time link lets whoever reads it in a log choose the password of its person first.
_ONE_TIME_LINK = re.compile(r"(/join/)[^/\s?#]+", re.IGNORECASE)
#: Somebody may put a token where it does not belong, such as an address.
_TOKEN = re.compile(r"(sbx_)[0-9A-Za-z]+")


class OneLineFormatter(logging.Formatter):
    """Names, paths and messages of others are in what is logged: none of them begins a line, colours a terminal or
    turns the reading direction round. A traceback keeps its lines, each set in, so that none looks like a record. Nor
    is a one-time link, or a token, in what is logged."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return _without_secrets(escaped(super().formatMessage(record)))

    def formatException(self, ei: Any) -> str:
        return _without_secrets(_set_in(super().formatException(ei)))

    def formatStack(self, stack_info: str) -> str:
        return _set_in(super().formatStack(stack_info))


def _without_secrets(text: str) -> str:
    return _TOKEN.sub(r"\1…", _ONE_TIME_LINK.sub(r"\1…", text))


def escaped(text: str) -> str:
    """Control, bidirectional and other characters without a shape of their own, as backslash sequences."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def configure(level: str) -> dict[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "class": "config.logging.OneLineFormatter",
                "format": "{asctime} {levelname} {name}: {message}",
                "style": "{",
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {"procrastinate": {"level": "WARNING"}, "psycopg": {"level": "ERROR"}},
    }


def _set_in(text: str) -> str:
    return "\n".join(f"    {escaped(line)}" for line in text.split("\n"))

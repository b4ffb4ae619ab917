"""Settings that decide what stands open: the key, the names, what browsers are told to remember."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from config import secret_key

ROOT = Path(__file__).parents[1]
TELL = """
import json
from config import settings
names = ["ALLOWED_HOSTS", "SECURE_HSTS_SECONDS", "SECURE_HSTS_INCLUDE_SUBDOMAINS", "SECURE_HSTS_PRELOAD"]
print(json.dumps({name: getattr(settings, name) for name in names}))
"""
#: With Django's own settings beside ours.
SETUP = """
import json, os
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
from django.conf import settings as s
"""
PUBLIC = {
    "SIGNALBOX_INSECURE_HTTP": "",
    "SIGNALBOX_HOSTS": "signalbox.example",
    "SIGNALBOX_SECRET_KEY": "k0123456789" * 4,
}


def started(code: str = TELL, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNALBOX_", "RAILWAY_"))}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, env=environment | variables, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def settings(**variables: str) -> dict[str, Any]:
    done = started(**PUBLIC | variables)
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


@pytest.mark.parametrize("key", ["a", "a" * 64, "abcabcabc" * 8, "1234567890123456789012345678901"])
def test_a_key_that_can_be_guessed_is_refused_at_the_start(key: str) -> None:
    done = started(SIGNALBOX_SECRET_KEY=key)
    assert done.returncode != 0
    assert "SIGNALBOX_SECRET_KEY has " in done.stderr
    assert "openssl rand" in done.stderr
    assert len(key) == 1 or key not in done.stderr


def test_a_random_key_is_taken() -> None:
    assert secret_key.fault_of("0123456789abcdef0123456789abcdef") == ""


def test_what_holds_for_a_whole_domain_is_asked_for() -> None:
    printed = settings()
    assert printed["SECURE_HSTS_SECONDS"] > 0
    assert (printed["SECURE_HSTS_INCLUDE_SUBDOMAINS"], printed["SECURE_HSTS_PRELOAD"]) == (False, False)
    printed = settings(SIGNALBOX_HSTS_SUBDOMAINS="1", SIGNALBOX_HSTS_PRELOAD="1")
    assert (printed["SECURE_HSTS_INCLUDE_SUBDOMAINS"], printed["SECURE_HSTS_PRELOAD"]) == (True, True)


def test_every_cookie_is_for_this_host_alone() -> None:
    names = ["SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "KNOWN_BROWSER_COOKIE_NAME", "THEME_COOKIE_NAME"]
    flags = ["SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY", "CSRF_COOKIE_HTTPONLY"]
    same_site = ["SESSION_COOKIE_SAMESITE", "CSRF_COOKIE_SAMESITE"]
    done = started(
        f"{SETUP}print(json.dumps([[getattr(s, n) for n in x] for x in {[names, flags, same_site]}]))", **PUBLIC
    )
    told, secure, sites = json.loads(done.stdout)
    assert all(name.startswith("__Host-signalbox_") for name in told)
    assert len(set(told)) == len(names)
    assert all(secure)
    assert set(sites) == {"Lax"}


def test_names_of_this_machine_are_no_way_in_where_there_is_a_public_one() -> None:
    assert settings()["ALLOWED_HOSTS"] == ["signalbox.example"]
    assert settings(RAILWAY_ENVIRONMENT_ID="x")["ALLOWED_HOSTS"] == ["signalbox.example"]
    assert "localhost" in settings(SIGNALBOX_INSECURE_HTTP="1")["ALLOWED_HOSTS"]
    assert settings(SIGNALBOX_HOSTS="")["ALLOWED_HOSTS"] == ["localhost", "127.0.0.1", "[::1]"]

"""What docs/security.md says of the whole tree, where it is cheap to look at all of it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher, get_hashers_by_algorithm
from django.test import Client
from django.urls import reverse

from config import control_database
from dashboard import urls
from dashboard.forms import people as forms
from tests.architecture.source import called, calls

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "dashboard/static/dashboard/js").glob("*.js"))

#: What takes text for code.
NEVER_CALLED = {"eval", "exec", "compile", "system", "popen", "getoutput", "getstatusoutput"}


def test_no_text_becomes_code() -> None:
    places = [
        place
        for place, call in calls("dashboard", "config")
        if called(call) in NEVER_CALLED and not _is_of_a_module(call, "re")
    ]
    assert not places


def test_no_program_is_given_to_a_shell() -> None:
    places = [
        place
        for place, call in calls("dashboard", "config")
        for keyword in call.keywords
        if keyword.arg == "shell" and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False)
    ]
    assert not places


#: One process of ours to the next, which it starts itself; what comes back is JSON.
INWARDS = "dashboard/engine/apart.py"


def test_no_bytes_of_others_become_objects() -> None:
    imported = [
        f"{path.relative_to(ROOT)}: {line}"
        for path in (ROOT / "dashboard").rglob("*.py")
        if path != ROOT / INWARDS
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.match(r"\s*(?:import|from)\s+(?:pickle|marshal|shelve|dill|yaml)\b", line)
    ]
    assert not imported


def test_hashes_that_are_broken_secure_nothing() -> None:
    """SHA-1 names objects of git and finds lines in a list of leaked passwords; it says so."""
    places = [
        place
        for place, call in calls("dashboard", "config")
        if called(call) in {"sha1", "md5"}
        and not any(
            k.arg == "usedforsecurity" and isinstance(k.value, ast.Constant) and k.value.value is False
            for k in call.keywords
        )
    ]
    assert not places


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_keeps_nothing_and_makes_no_code_of_text(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    for word in ("localStorage", "sessionStorage", "indexedDB", "eval(", "new Function", "document.write", "__proto__"):
        assert word not in text, word


def test_there_are_scripts_to_look_at() -> None:
    assert SCRIPTS


def test_passwords_are_hashed_slowly() -> None:
    default = next(iter(settings.PASSWORD_HASHERS), "")
    assert default
    assert PBKDF2PasswordHasher.iterations >= 1_000_000
    assert get_hashers_by_algorithm()


PASSWORD_FIELDS = [
    (form, name)
    for form in (forms.SignInForm, forms.NewPasswordForm, forms.ConfirmForm)
    for name in getattr(form, "base_fields", {})
    if "password" in name or name == "again"
]


@pytest.mark.parametrize(("form", "name"), PASSWORD_FIELDS, ids=lambda each: getattr(each, "__name__", each))
def test_a_password_is_taken_as_it_is_typed_and_managers_fill_it(form: type, name: str) -> None:
    field = form.base_fields[name]  # type: ignore[attr-defined]
    assert field.widget.input_type == "password"
    assert field.strip is False
    assert not {"onpaste", "oncopy", "readonly"} & set(field.widget.attrs)
    assert field.widget.attrs.get("autocomplete") != "off"


def test_there_is_no_question_that_stands_for_a_password() -> None:
    assert not [p.name for p in urls.urlpatterns if re.search("question|hint|forgot|reset", str(p.name))]


def test_each_provider_comes_back_to_an_address_of_its_own() -> None:
    addresses = {
        reverse("github_callback"),
        *(reverse("openid_connect_callback", kwargs={"provider_id": each}) for each in ("oidc", "google")),
    }
    assert len(addresses) == 3


def test_health_says_ok_and_nothing_else_and_is_not_redirected() -> None:
    answer = Client().get("/health", headers={"host": "elsewhere.example"}, secure=False)
    assert (answer.status_code, answer.content) == (200, b"OK")


@pytest.mark.parametrize("address", ["/static/", "/static/dashboard/", "/static/dashboard/css/", "/.git/config"])
def test_no_folder_is_listed(address: str) -> None:
    assert Client().get(address).status_code in {302, 404}


def test_debugging_is_off_unless_it_is_asked_for() -> None:
    text = (ROOT / "config/settings.py").read_text(encoding="utf-8")
    assert re.search(r'^DEBUG = env\.bool\("\w+", default=False\)$', text, re.MULTILINE)


def test_times_are_in_utc() -> None:
    assert settings.USE_TZ
    assert settings.TIME_ZONE == "UTC"


def test_no_password_is_there_by_default() -> None:
    assert not re.findall(r"://\w+:\w+@", Path(control_database.__file__).read_text(encoding="utf-8"))


def _is_of_a_module(call: ast.Call, module: str) -> bool:
    return isinstance(call.func, ast.Attribute) and getattr(call.func.value, "id", "") == module

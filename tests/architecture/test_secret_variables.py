"""No variable with a secret can be forgotten where it is asked what foreign code could read."""

from __future__ import annotations

import ast
import re

from config import git_sources, secret_variables
from config.environments import SEED
from tests.architecture.source import called, calls, text_of, trees
from tests.architecture.test_settings import OF_THE_PLATFORM, _read

#: How a variable is called that holds a secret, or a URL with a password in it.
SOUNDS_SECRET = re.compile(r"SECRET|KEY|TOKEN|PASS|URL|DSN|CREDENTIAL")
#: It sounds so, and what stands in it is in pages and logs anyway.
NO_SECRET = {
    "SIGNALBOX_BASE_URL": "where links in mails lead",
    "SIGNALBOX_OIDC_URL": "the address of the provider, which every sign-in shows",
    "SIGNALBOX_MIGRATION_SECRET_ENVIRONMENTS": "names of environments",
    "SIGNALBOX_MIGRATION_SECRET_SCOPES": "names of scopes",
    "SIGNALBOX_URL": "the address of the server that a command asks",
    "SIGNALBOX_TOKEN_DEEDS_AN_HOUR": "a number",
    "SIGNALBOX_LEAKED_PASSWORDS_FILE": "the path of a file",
}
#: What the file may say of a source that is no name of a variable with a secret.
PLAIN = {"git", "branch", "tag", "path", "username", "known_hosts", "web", "every", "limits"}


def _sounding_secret() -> set[str]:
    return {name for name in _read() | _read_by_django() if SOUNDS_SECRET.search(name)}


def _read_by_django() -> set[str]:
    """Those of `environ.get` whose names follow no rule of ours."""
    source = text_of("dashboard/management/commands/createsuperuser.py")
    return set(re.findall(r"DJANGO_[A-Z_]*[A-Z]", source))


def test_every_setting_that_sounds_secret_is_in_the_list_or_is_none() -> None:
    of_targets = {str(values["url"]) for values in SEED.values()}
    known = secret_variables.OF_SIGNALBOX | secret_variables.OF_OTHERS | of_targets | {f"{n}_READ" for n in of_targets}
    missing = _sounding_secret() - known - set(NO_SECRET) - OF_THE_PLATFORM
    assert not missing, f"Add to config/secret_variables.py, or to NO_SECRET with the reason: {sorted(missing)}"


def test_the_list_holds_nothing_that_is_not_read() -> None:
    assert _sounding_secret() >= secret_variables.OF_SIGNALBOX
    assert set(NO_SECRET) <= _sounding_secret(), "what is excused is read"


def test_every_key_of_a_source_is_a_secret_or_is_none() -> None:
    assert PLAIN | set(git_sources._SECRETS) == git_sources.KEYS


def test_no_program_is_given_our_environment() -> None:
    """A program of another kind is open to its user, whatever we do, and our environment holds all keys. Only what
    starts Signalbox itself gives it on."""
    ours = {"dashboard/cli/demo.py"}
    starts = {
        place: {keyword.arg for keyword in call.keywords}
        for place, call in calls("dashboard", "config")
        if called(call) in {"run", "Popen", "check_output", "check_call", "call"} and _is_of_subprocess(call)
    }
    assert len(starts) >= 8
    assert [place for place, given in starts.items() if "env" not in given and place.split(":")[0] not in ours] == []
    assert not [place for place, call in calls("dashboard", "config") if called(call) in {"system", "popen"}]


def _is_of_subprocess(call: ast.Call) -> bool:
    function = call.func
    return isinstance(function, ast.Attribute) and ast.unparse(function.value) == "subprocess"


def test_a_rehearsal_has_one_door() -> None:
    """Whatever rehearses for a person asks first whether it may: only one module calls the engine for it."""
    calls = {
        path
        for path, tree in trees("dashboard")
        if not path.startswith("dashboard/engine/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"of_plan", "of_folder"}
        if isinstance(node.value, ast.Name) and node.value.id in _names_of_the_engine(tree)
    }
    assert calls == {"dashboard/local/rehearsing.py"}


def _names_of_the_engine(tree: ast.AST) -> set[str]:
    """Under which this module knows `dashboard.engine.rehearsal`."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "dashboard.engine"
        for alias in node.names
        if alias.name == "rehearsal"
    }

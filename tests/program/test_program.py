"""What holds for the program, whatever the verb."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from config.version import VERSION
from dashboard.cli import program
from dashboard.cli.exits import Exit
from tests.program.conftest import ROOT, Place

#: What a person or a script could type, by mistake or not.
SECRETS = [
    "postgresql://me:s3cret@db.example/app",
    "host=db password=s3cret",
    "--env=postgres://me:s3cret@db.example/app",
    f"sbx_{'a' * 54}",
]


def test_it_says_its_version_and_what_it_can_do(empty_place: Place) -> None:
    assert empty_place("--version").out == f"signalbox {VERSION}\n"
    assert f'version = "{VERSION}"' in (ROOT / "pyproject.toml").read_text()
    overview = empty_place("--help")
    assert overview.code == Exit.OK
    assert all(re.search(rf"^  {verb} ", overview.out, re.MULTILINE) for verb in program.VERBS)


@pytest.mark.parametrize("verb", program.VERBS)
def test_a_verb_explains_itself_and_takes_no_option_that_it_does_not_know(empty_place: Place, verb: str) -> None:
    explained = empty_place(verb, "--help")
    assert (explained.code, explained.err) == (Exit.OK, "")
    assert explained.out.startswith(f"usage: signalbox {verb} ")
    wrong = empty_place(verb, "--no-such-option")
    assert (wrong.code, wrong.out) == (Exit.USAGE, "")
    assert wrong.err.startswith(f"usage: signalbox {verb} ")


def test_an_option_is_written_out(place: Place) -> None:
    assert place("status", "--js").code == Exit.USAGE


def test_a_verb_that_is_not_there_is_refused(empty_place: Place) -> None:
    refused = empty_place("statsu")
    assert (refused.code, refused.out) == (Exit.USAGE, "")
    assert "Did you mean status?" in refused.err
    assert empty_place().code == Exit.USAGE


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_among_the_arguments_is_refused_and_not_repeated(place: Place, secret: str) -> None:
    refused = place("status", secret)
    assert (refused.code, refused.out) == (Exit.USAGE, "")
    assert "Nothing was done." in refused.err
    assert secret not in refused.err
    assert "s3cret" not in refused.err


def test_a_file_of_environments_that_is_wrong_is_named(place: Place) -> None:
    (place.path / "config" / "environments.toml").write_text('[environments.staging]\nurl = "postgres://x"\n')
    refused = place("status")
    assert (refused.code, refused.out) == (Exit.USAGE, "")
    assert "`url` of staging must be the NAME of an environment variable" in refused.err


def test_it_is_quiet_when_nobody_reads_on(place: Place) -> None:
    process = place.started("completion", "bash")
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.wait(timeout=60) == Exit.FAILED
    assert process.stderr.read() == ""
    process.stderr.close()


def test_where_nothing_can_be_written_it_says_so(place: Place) -> None:
    with Path("/dev/full").open("w") as full:
        process = place.started("completion", "bash", stdout=full)
        _, said = process.communicate(timeout=60)
    assert process.returncode == Exit.FAILED
    assert said.startswith("signalbox: its answer could not be written: No space left on device.\n")
    assert "Traceback" not in said


def test_the_version_for_programs(empty_place: Place) -> None:
    assert empty_place("version", "--json").json["version"] == VERSION
    assert empty_place("version").out.startswith(f"signalbox {VERSION} ")


# Beginning


def test_a_beginning_is_made_once(empty_place: Place) -> None:
    begun = empty_place("init", "--json")
    assert (begun.code, begun.json) == (
        Exit.OK,
        {"written": ["migrations_sql/", "config/environments.toml"], "kept": []},
    )
    file = empty_place.path / "config" / "environments.toml"
    file.write_text(file.read_text() + "# ours\n")
    again = empty_place("init", "--json").json
    assert again == {"written": [], "kept": ["migrations_sql/", "config/environments.toml"]}
    assert file.read_text().endswith("# ours\n")
    assert "is there already" in empty_place("init").out
    assert empty_place("doctor", "--declared").code == Exit.UNREACHABLE, "the file is read, and no variable is set"


@pytest.mark.parametrize("there", ["migrations_sql", "config"])
def test_where_a_file_stands_nothing_is_begun(empty_place: Place, there: str) -> None:
    (empty_place.path / there).write_text("ours")
    refused = empty_place("init")
    assert (refused.code, refused.out) == (Exit.FAILED, "")
    assert refused.err == f"signalbox: {there} is there, and is no folder. Nothing was written. Move it away.\n"
    assert [path.name for path in empty_place.path.iterdir()] == [there]


# Completion


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_verb_and_option_is_completed(empty_place: Place, shell: str) -> None:
    script = empty_place("completion", shell).out
    for verb, options in program.options_of_verbs().items():
        assert re.search(rf"\b{verb}\b", script)
        for option in options:
            assert option in script or f"-l {option.removeprefix('--')} " in script, (verb, option)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [(["st"], {"status"}), (["status", "--exit"], {"--exit-code"}), (["verify", "--e"], {"--env", "--expect"})],
)
def test_bash_completes(empty_place: Place, tmp_path: Path, typed: list[str], expected: set[str]) -> None:
    script = tmp_path / "completion"
    script.write_text(empty_place("completion", "bash").out)
    words = " ".join(["signalbox", *typed])
    asked = f'source {script}; COMP_WORDS=({words}); COMP_CWORD={len(typed)}; _signalbox; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == expected

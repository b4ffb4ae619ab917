"""The program `signalbox`: works on this machine, or asks the server that SIGNALBOX_URL names.

Nothing of Django is loaded, and of the verbs only the one that is asked for.
"""

from __future__ import annotations

import argparse
import keyword
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

from config.errors import Misconfigured
from config.version import VERSION
from dashboard.cli.ending import code_of_run
from dashboard.cli.exits import Exit
from dashboard.cli.secrets_typed import refusal
from dashboard.engine.secrecy import close_process

NAME = "signalbox"
SERVER = "SIGNALBOX_URL"
#: Exit code of a command that was stopped from the keyboard, as shells say it.
STOPPED = 130


#: What is done on this machine: of each verb the module of that name.
HERE = (
    *("init", "new", "status", "plan", "lint", "rehearse", "comment", "verify", "doctor"),
    *("apply", "rollback", "skip", "unskip", "mark-applied", "baseline", "accept", "import", "version", "completion"),
)
#: What a server is asked for, by the modules in server/.
BY_SERVER = (
    *("status", "plan", "lint", "rehearse", "apply", "rollback", "request", "requests", "approve", "runs", "logs"),
    *("cancel", "drift", "audit", "doctor", "version", "push", "verify"),
)
#: They write into a history what a person knows.
MENDING = ("skip", "unskip", "mark-applied", "baseline", "accept", "import")
#: They tell of the program alone, and are given nothing.
OF_ITSELF = ("version", "completion")
VERBS = tuple(dict.fromkeys(HERE + BY_SERVER))


def main() -> None:
    close_process()  # its environment holds URLs and tokens
    arguments = sys.argv[1:]
    try:
        code = code_of_run(lambda: run(arguments))
    except KeyboardInterrupt:
        print(f"{NAME}: stopped.", file=sys.stderr)
        code = STOPPED
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    if fault := refusal(arguments):
        print(f"{NAME}: {fault}", file=sys.stderr)
        return Exit.USAGE
    name = arguments[0] if arguments else ""
    if name in {"-h", "--help"}:
        print(overview())
        return Exit.OK
    if name == "--version":
        print(f"{NAME} {VERSION}")
        return Exit.OK
    if name not in VERBS:
        print(_unknown(name), file=sys.stderr)
        return Exit.USAGE
    asks_server = name not in HERE or (
        name in BY_SERVER and bool(os.environ.get(SERVER)) and "--local" not in arguments
    )
    module = _module(name, asks_server=asks_server)
    options = parser_of(name, module).parse_args(arguments[1:])
    surroundings = None if name in OF_ITSELF and not asks_server else _surroundings(asks_server=asks_server)
    return _answered(module, options, surroundings) if asks_server else module.run(options, surroundings)


def _answered(module: ModuleType, options: argparse.Namespace, server: object) -> int:
    from dashboard.cli.server import choosing
    from dashboard.cli.server.client import ServerSaidNo

    try:
        code: int = module.run(options, server)
    except ServerSaidNo as error:
        return choosing.complain(error)
    return code


def _module(name: str, *, asks_server: bool) -> ModuleType:
    """That of the server where it is asked for that, or where nothing else does it."""
    by_server = name in BY_SERVER and (asks_server or name not in HERE)
    module = f"{name}_history" if keyword.iskeyword(name) else name.replace("-", "_")
    return import_module(f"dashboard.cli.{'server.' if by_server else ''}{module}")


def parser_of(name: str, module: ModuleType) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"{NAME} {name}",
        description=(module.__doc__ or "").strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    if name in MENDING:
        from dashboard.cli import running

        running.add_confirmation(parser)
    if name in HERE and name in BY_SERVER:
        parser.add_argument(
            "--local", action="store_true", help=f"work on this machine, although {SERVER} names a server"
        )
    return parser


def options_of_verbs() -> dict[str, dict[str, str]]:
    """The options of each verb, here and by a server, with their help."""
    return {name: _options_of(name) for name in VERBS}


def _options_of(name: str) -> dict[str, str]:
    modules = dict.fromkeys(_module(name, asks_server=asks_server) for asks_server in (False, True))
    return {
        option: action.help or ""
        for module in modules
        for action in parser_of(name, module)._actions
        for option in action.option_strings
        if option.startswith("--")
    }


def _surroundings(*, asks_server: bool) -> object:
    """What a verb works on: the workspace here, or the server."""
    command = os.environ.get("SIGNALBOX_COMMAND_LINE", "") or NAME
    if asks_server:
        from dashboard.cli.server.client import SignalboxServer

        url, token = os.environ.get(SERVER, ""), os.environ.get("SIGNALBOX_TOKEN", "").strip()
        if not url:
            raise Misconfigured(f"{SERVER} is not set: this verb asks a server. Set it to its address.")
        return SignalboxServer(url=url, token=token, command=command)
    from config import declaration
    from dashboard.local.workspace import Workspace

    return Workspace(declaration=declaration.read(os.environ, Path.cwd()), command=command)


def overview() -> str:
    """Every verb with the first sentence of its help."""
    width = max(map(len, VERBS)) + 2
    lines = [f"  {name:{width}}{_summary(name)}" for name in VERBS]
    return "\n".join(
        [
            f"usage: {NAME} VERB [options]        {NAME} VERB --help        {NAME} --version",
            "",
            f"Works on this machine, or asks the server that {SERVER} names, with the token in SIGNALBOX_TOKEN.",
            "",
            *lines,
        ]
    )


def _summary(name: str) -> str:
    return (_module(name, asks_server=False).__doc__ or "").strip().splitlines()[0]


def _unknown(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, VERBS, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    named = f"there is no verb {name}.{hint}" if name else "say what to do."
    return f"{NAME}: {named}\nusage: {NAME} VERB [options]; verbs: {', '.join(VERBS)}"

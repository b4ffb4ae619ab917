"""Print the completion of this program for bash, zsh or fish.

For bash `eval "$(signalbox completion bash)"` in ~/.bashrc, for zsh the same in ~/.zshrc behind compinit, for fish
`signalbox completion fish > ~/.config/fish/completions/signalbox.fish`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

from dashboard.cli import program
from dashboard.cli.exits import Exit

SHELLS = ("bash", "zsh", "fish")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, help="the shell")


def run(options: argparse.Namespace, workspace: None) -> int:
    print(_SCRIPTS[options.shell](program.options_of_verbs()))
    return Exit.OK


def _bash(verbs: Mapping[str, Mapping[str, str]]) -> str:
    cases = "\n".join(f"    {verb}) words='{' '.join(options)}' ;;" for verb, options in verbs.items())
    return f"""_signalbox() {{
  local words='' word=${{COMP_WORDS[COMP_CWORD]}}
  if [ "$COMP_CWORD" -eq 1 ]; then words='{" ".join(verbs)} --help --version'; else case ${{COMP_WORDS[1]}} in
{cases}
  esac; fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _signalbox signalbox"""


def _zsh(verbs: Mapping[str, Mapping[str, str]]) -> str:
    names = " ".join(f"'{verb}'" for verb in verbs)
    cases = "\n".join(
        f"    {verb}) _arguments {' '.join(map(_of_zsh, options.items()))} '*:file:_files' ;;"
        for verb, options in verbs.items()
    )
    return f"""#compdef signalbox
_signalbox() {{
  if (( CURRENT == 2 )); then compadd -- {names} --help --version; return; fi
  case $words[2] in
{cases}
  esac
}}
compdef _signalbox signalbox"""


def _of_zsh(option: tuple[str, str]) -> str:
    name, text = option
    words = "".join(character for character in text if character not in "[]:'")
    return f"'{name}[{words}]'"


def _fish(verbs: Mapping[str, Mapping[str, str]]) -> str:
    lines = [f"complete -c signalbox -n __fish_use_subcommand -f -a {verb}" for verb in verbs]
    for verb, options in verbs.items():
        for name, text in options.items():
            words = text.replace("\\", "").replace("'", "")
            where = f"'__fish_seen_subcommand_from {verb}'"
            lines.append(f"complete -c signalbox -n {where} -l {name.removeprefix('--')} -d '{words}'")
    return "\n".join(lines)


_SCRIPTS: Mapping[str, Callable[[Mapping[str, Mapping[str, str]]], str]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}

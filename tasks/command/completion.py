"""`modelwright completion`: a script that has the shell complete commands, options, files and pipelines' names.

`shtab` writes it from the parser. The names are read by the shell itself, as each Tab would else wait for Python.
"""

from __future__ import annotations

import argparse
import shlex
from typing import Any

from tasks.command.subcommand import Subcommand, argument
from tasks.paths import STAGES

_PIPELINE_NAMES = r"""
folder=$PWD
until [ -f "$folder/params.yaml" ]; do
  [ -n "$folder" ] || exit 0
  folder=${folder%/*}
done
awk '
  /^[^ \t#]/ { inside = /^pipelines:/ }
  inside && /^ +[A-Za-z0-9_-]+:/ {
    indent = match($0, /[^ ]/)
    if (!level) level = indent
    if (indent == level) { sub(/:.*/, "", $1); print $1 }
  }
' "$folder/params.yaml"
"""
"""The keys below `pipelines:` of the nearest params.yaml, as blocks of YAML write them: those of the first indent."""

_NAMES, _FILES, _FOLDERS = "names", "file", "directory"

_COMPLETED = {
    "pipeline": _NAMES,
    "model": _NAMES,
    "name": _NAMES,
    "old": _NAMES,
    "source": _FILES,
    "file": _FILES,
    "test": _FILES,
    "out": _FILES,
    "folder": _FOLDERS,
}
"""What is offered for an argument, by its name."""

_NEW_NAMES = {("init", "name"), ("add", "name")}
"""Of pipelines that are not there yet."""

_STAGES_OF = {("run", "first"), ("run", "last")}


def completion(options: argparse.Namespace) -> int:
    """`modelwright completion`."""
    print(script(options.root_parser, options.shell))  # noqa: T201
    return 0


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script for bash, zsh or fish. Marks the parser's arguments, which parse as before."""
    import shtab

    [commands] = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for name, subparser in commands.choices.items():
        for action in subparser._actions:
            _mark(name, action)
    return shtab.complete(parser, shell, preamble=_names_function(shell))


def _mark(command: str, action: argparse.Action) -> None:
    marked: Any = action
    if (command, action.dest) in _STAGES_OF:
        action.choices = STAGES
        return
    what = None if (command, action.dest) in _NEW_NAMES else _COMPLETED.get(action.dest)
    if what == _NAMES:
        marked.complete = {"bash": _OFFERED, "zsh": _OFFERED, "fish": f"({_LISTED})"}
    elif what:
        marked.complete = what


_LISTED, _OFFERED = "_modelwright_pipelines", "_modelwright_offered_pipelines"


def _names_function(shell: str) -> str:
    """A function that prints the names, and one that offers them in the way of the shell."""
    if shell == "fish":
        # Within single quotes fish knows two escapes, and POSIX shells none.
        text = _PIPELINE_NAMES.replace("\\", "\\\\").replace("'", "\\'")
        return f"function {_LISTED}\n  sh -c '{text}'\nend"
    listed = f"{_LISTED}() {{\n  sh -c {shlex.quote(_PIPELINE_NAMES)}\n}}"
    offered = f'compgen -W "$({_LISTED})" -- "$1"' if shell == "bash" else f"compadd -- $({_LISTED})"
    return f"{listed}\n{_OFFERED}() {{\n  {offered}\n}}"


COMMANDS = {
    "completion": Subcommand(
        run=completion,
        help="print a script that has your shell complete the commands",
        detail=", their options and the names of pipelines",
        arguments=(argument("shell", choices=("bash", "zsh", "fish"), help="the shell that you use"),),
        examples=(
            "modelwright completion bash > ~/.local/share/bash-completion/completions/modelwright",
            "modelwright completion zsh > ~/.zfunc/_modelwright",
            "modelwright completion fish > ~/.config/fish/completions/modelwright.fish",
        ),
    ),
}

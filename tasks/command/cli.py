"""The `modelwright` command: a thin face; what a subcommand needs is imported when it is used."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NoReturn

from tasks.command import (
    blocks,
    completion,
    explain,
    gc,
    installation,
    look,
    monitor,
    operate,
    pipelines,
    predict,
    projects,
    promotion,
    runs,
    serve,
    trials,
)
from tasks.command.exits import end_on_signals, exit_code, flush_output, own_output
from tasks.command.help_page import CommandLine
from tasks.command.mixed_arguments import MixedArguments
from tasks.command.subcommand import Subcommand
from tasks.environment import collect_old_objects_rarely, installed_version
from tasks.paths import STAGES, Project
from tasks.root import find_root

_COMMANDS: Mapping[str, Subcommand] = {
    **projects.COMMANDS,
    **blocks.COMMANDS,
    **runs.COMMANDS,
    **pipelines.COMMANDS,
    **predict.COMMANDS,
    **explain.COMMANDS,
    **serve.COMMANDS,
    **monitor.COMMANDS,
    **trials.COMMANDS,
    **promotion.COMMANDS,
    **look.COMMANDS,
    **gc.COMMANDS,
    **operate.COMMANDS,
    **installation.COMMANDS,
    **completion.COMMANDS,
}
"""All of them; help_page.GROUPS says in which order they are listed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a subcommand and returns its exit code; without arguments that of the command line, and ends the process."""
    if arguments is not None:
        options = _parser().parse_args(arguments)
        return exit_code(partial(options.command, options))
    own_output()
    collect_old_objects_rarely()
    end_on_signals()
    code = exit_code(_command_line)
    flush_output()
    # Python's own end would wait for threads of libraries, which try for minutes to reach a server that is gone, and
    # show a second Ctrl-C as a traceback.
    os._exit(code)


def _command_line() -> int:
    options = _parser().parse_args()
    # Not in a process that calls `main` itself, and so has chosen the code that runs in it.
    if options.asks_stages:
        from tasks.memo.code_record import check_own_code

        check_own_code(Project(root=find_root()))
    return int(options.command(options))


def _parser() -> CommandLine:
    parser = CommandLine(
        _COMMANDS,
        prog="modelwright",
        description="Raw data in; a registered, gated model out, and proof of how it came to be.",
        epilog=f"The stages, in order: {', '.join(STAGES)}.",
    )
    parser.add_argument(
        "--version", action=_Version, nargs=0, help="print the versions of this and of Python, and exit"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=MixedArguments)
    for name, command in _COMMANDS.items():
        subparser = commands.add_parser(
            name,
            help=command.help,
            description=command.description,
            epilog=command.epilog,
        )
        for names, settings in command.arguments:
            subparser.add_argument(*names, **settings)
        subparser.set_defaults(command=command.run, asks_stages=command.asks_stages, root_parser=parser)
    return parser


class _Version(argparse.Action):
    """Prints one line, made when it is asked for: every other command would wait for it."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        import platform

        version = installed_version("modelwright") or "not installed"
        print(f"modelwright {version}, Python {platform.python_version()}, {platform.platform()}")  # noqa: T201
        parser.exit()


if __name__ == "__main__":
    sys.exit(main())

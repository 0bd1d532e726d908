"""`modelwright --help`: the commands in groups, by what a user wants to do, a line a command and an example a group.

It waits for no library: colours are signs of its own, and only a terminal gets them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from tasks.command.subcommand import Subcommand
from tasks.errors import did_you_mean

_BOLD, _DIM, _RESET = "\033[1m", "\033[2m", "\033[0m"
_LEAST_ROOM = 24
"""Columns for what a command does, on however narrow a terminal: it would else be a word a line."""


@dataclass(frozen=True, kw_only=True)
class CommandGroup:
    """Commands that belong together, in the order in which a user comes to them."""

    title: str
    commands: tuple[str, ...]
    example: str
    """A whole command line, of one of them."""


GROUPS = (
    CommandGroup(
        title="Start",
        commands=("new", "init", "add"),
        example="modelwright init churn churn.csv --target churned",
    ),
    CommandGroup(
        title="Prepare",
        commands=("expect", "rename", "remove"),
        example="modelwright expect churn --write",
    ),
    CommandGroup(title="Run", commands=("run", "tune"), example="modelwright run churn"),
    CommandGroup(
        title="Look",
        commands=("status", "list", "runs", "logs", "leaderboard", "compare", "open", "ui"),
        example="modelwright compare churn @champion @challenger",
    ),
    CommandGroup(
        title="Answer",
        commands=("predict", "serve", "explain"),
        example="modelwright predict churn new.csv",
    ),
    CommandGroup(
        title="Decide",
        commands=("models", "champion", "history", "promote", "rollback", "review"),
        example='modelwright rollback churn --because "too many false alarms"',
    ),
    CommandGroup(
        title="Operate",
        commands=(
            "up",
            "ps",
            "down",
            "watch",
            "feedback",
            "schedule",
            "gc",
            "doctor",
            "upgrade",
            "schema",
            "completion",
        ),
        example="modelwright doctor",
    ),
)
"""Every command in one of them; README.md has them in the same order."""


class CommandLine(argparse.ArgumentParser):
    """The parser of `modelwright` itself: its help is grouped, and a mistyped command gets the nearest one."""

    def __init__(self, subcommands: Mapping[str, Subcommand], **settings: Any) -> None:
        super().__init__(**settings)
        self._subcommands = subcommands

    def format_help(self) -> str:
        """The page as a file gets it."""
        return self._page(is_coloured=False)

    def print_help(self, file: Any = None) -> None:
        """The page, in colours where a terminal shows them."""
        stream = sys.stdout if file is None else file
        stream.write(self._page(is_coloured=shows_colours(stream)))

    def _page(self, *, is_coloured: bool) -> str:
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, self._actions, [])
        formatter.add_text(self.description)
        width = shutil.get_terminal_size().columns - 2
        lines = [formatter.format_help().rstrip(), ""]
        for group in GROUPS:
            lines += _group_lines(group, self._subcommands, width, is_coloured=is_coloured)
        tail = self._get_formatter()
        for action_group in self._action_groups:
            tail.start_section(action_group.title)
            tail.add_arguments([action for action in action_group._group_actions if action.option_strings])
            tail.end_section()
        tail.add_text(self.epilog)
        return "\n".join([*lines, tail.format_help()])

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:
            near = did_you_mean(str(value), [*action.choices])
            raise argparse.ArgumentError(None, f"there is no command {value!r}{near}")
        super()._check_value(action, value)


def shows_colours(stream: TextIO) -> bool:
    """Whether somebody sees colours there and has not refused them (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _group_lines(
    group: CommandGroup, subcommands: Mapping[str, Subcommand], width: int, *, is_coloured: bool
) -> Sequence[str]:
    indent = 4 + max(map(len, subcommands))
    lines = [_styled(group.title, _BOLD, is_coloured=is_coloured)]
    for name in group.commands:
        first, *rest = textwrap.wrap(subcommands[name].help, max(_LEAST_ROOM, width - indent))
        lines += [f"  {name:{indent - 2}}{first}", *(f"{'':{indent}}{line}" for line in rest)]
    return [*lines, _styled(f"  $ {group.example}", _DIM, is_coloured=is_coloured), ""]


def _styled(text: str, style: str, *, is_coloured: bool) -> str:
    return f"{style}{text}{_RESET}" if is_coloured else text

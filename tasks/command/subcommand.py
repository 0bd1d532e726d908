"""What a subcommand is: the function that does it, its line of help, its arguments, and examples of its use."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tasks.errors import UserError
from tasks.paths import Project

Argument = tuple[tuple[str, ...], dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Subcommand:
    """One of `modelwright`'s. `help` is a line without a full stop; `examples` are whole command lines."""

    run: Callable[[argparse.Namespace], int]
    help: str
    detail: str = ""
    """How `help` goes on where there is room, with the sign that parts the two."""

    arguments: tuple[Argument, ...] = ()
    examples: tuple[str, ...]
    asks_stages: bool = False
    """Whether it runs the stages' code, or asks what it means: then it must be the project's own."""

    @property
    def description(self) -> str:
        """The first line of its own help."""
        return f"{self.help[0].upper()}{self.help[1:]}{self.detail}."

    @property
    def epilog(self) -> str:
        """The end of its own help."""
        return "\n".join([f"example{'s' if self.examples[1:] else ''}:", *(f"  {line}" for line in self.examples)])


def argument(*names: str, **settings: Any) -> Argument:
    """An argument of a subcommand, as `argparse` takes it."""
    return names, settings


ONE_PIPELINE = argument("pipeline", nargs="?", help="a pipeline of params.yaml; may be left out when there is only one")
MODEL = argument("model", help="NAME for its champion, NAME@ALIAS or NAME:VERSION")
QUERY = argument("--query", metavar="SQL", help="the rows of a database: one SELECT")
SOURCE_SETTINGS = argument(
    "--set",
    action="append",
    default=[],
    metavar="KEY=VALUE",
    help="how the source is written, where it is not as the training rows were, such as separator=;",
)
ROW = argument("--row", metavar="JSON", help="one row, such as '{\"age\": 41}'; - reads it from standard input")
JSON = argument("--json", action="store_true", help="print one JSON object on standard output, and nothing else")


def show_json(content: Mapping[str, Any]) -> None:
    """What `--json` prints: one object on one line, in ASCII, as a terminal may obey what a name holds."""
    print(json.dumps(content))  # noqa: T201


def chosen_pipeline(project: Project, name: str | None) -> str:
    """The pipeline that was named; the only one, when none was."""
    from tasks.params.file import pipeline_names

    if name is not None:
        return name
    names = pipeline_names(project.params)
    # Running all would be a guess, and might take a day.
    if len(names) > 1:
        raise UserError(f"{project.params}: has {len(names)} pipelines; say which: {', '.join(names)}")
    return names[0]

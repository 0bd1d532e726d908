"""What a source of new rows is told by: arguments of a command, where a pipeline has settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.errors import UserError

_ARGUMENTS = {"query": "--query", "url": "the URL", "path": "SOURCE", "": "SOURCE"}
_SETTING = re.compile(r"ingest\.source(?:\.([a-z_]+))?")
"""A source that cannot be read names its settings; here they are arguments, or what `--set` takes."""


@contextmanager
def words_of_the_command() -> Iterator[None]:
    """Errors name the arguments, in place of the settings."""
    try:
        yield
    except UserError as error:
        raise type(error)(_SETTING.sub(_argument, str(error))) from error.__cause__


def _argument(setting: re.Match[str]) -> str:
    name = setting[1] or ""
    return _ARGUMENTS.get(name, f"--set {name}=VALUE")

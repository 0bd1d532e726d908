"""How often a champion was looked at: a tag on its version for each question that was asked of it.

In the registry, so that the account is everybody's who registers there, and goes on from another checkout.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

from tasks.paths import Paths
from tasks.tracking import store

if TYPE_CHECKING:
    from mlflow import MlflowClient

Rows = Literal["test", "live"]
"""Whether a champion is looked at on test rows, by the gate, or on live ones: an account each, as a challenger that is
to prove itself has to pass both."""

_LOOK_TAGS: dict[Rows, str] = {"test": "modelwright.look.", "live": "modelwright.live_look."}
_SHOWN = 16
"""Hexadecimal digits of a question's digest, which tell it apart from others of one champion."""


def number_of_look(paths: Paths, champion: int, question: tuple[str, ...], rows: Rows = "test") -> int:
    """Which look at this champion this is, counted from 1; a question that was asked before keeps its number.

    `question` says what is compared: the challenger, the rows, the metric and the margin. Two who ask at the same
    time may get the same number, and then nobody has the one before it: together they spend no more. Raises UserError
    when the registry cannot be reached.
    """
    key = _LOOK_TAGS[rows] + hashlib.sha256("  ".join(question).encode()).hexdigest()[:_SHOWN]
    with store.reachable(paths.project):
        client = store.connect(paths.project)
        looks = _looks(client, paths.pipeline, champion, rows)
        if not looks.get(key):
            # Written before it is counted: of two at once, one at least sees the other.
            _write(client, paths.pipeline, champion, key, "")
            _write(client, paths.pipeline, champion, key, str(len(_looks(client, paths.pipeline, champion, rows))))
            looks = _looks(client, paths.pipeline, champion, rows)
        return int(looks[key])


def _looks(client: MlflowClient, name: str, champion: int, rows: Rows) -> dict[str, str]:
    tags = client.get_model_version(name, str(champion)).tags
    return {tag: value for tag, value in tags.items() if tag.startswith(_LOOK_TAGS[rows])}


def _write(client: MlflowClient, name: str, champion: int, key: str, value: str) -> None:
    client.set_model_version_tag(name, str(champion), key, value)

"""Which versions the registry names, by a process of its own: MLflow's imports and waits are not the server's.

`python -P registry_watch.py NAMES`, with what to watch as JSON. It writes a JSON line for each version that an alias
has moved to, and for each reason why it cannot say. A line on standard input has it ask at once, its end ends it.
"""

from __future__ import annotations

import json
import os
import select
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tasks import files
from tasks.errors import NoSuchVersionError, UserError
from tasks.paths import Project
from tasks.tracking import store
from tasks.tracking.champion import alias_number
from tasks.tracking.registered import RegisteredModel, registered_model

Role = Literal["live", "challenger"]


@dataclass(frozen=True, kw_only=True)
class WatchedNames:
    """What is watched: `live` as a person names it, and the alias of the version beside it, if one is asked for."""

    root: str
    live: str
    challenger: str | None
    seconds: float
    offline: bool

    @property
    def asked(self) -> dict[Role, str]:
        """The names of both versions, by what they are for."""
        name = self.live.removeprefix("models:/").partition("@")[0].partition(":")[0].partition("/")[0]
        asked: dict[Role, str] = {"live": self.live}
        if self.challenger:
            asked["challenger"] = f"{name}@{self.challenger}"
        return asked


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What the registry has now: `model`, or why it cannot be had; `has_no_version` where the registry answers, and no
    version has the alias: then nobody needs to wait for it."""

    role: Role
    model: RegisteredModel | None = None
    why: str | None = None
    has_no_version: bool = False


def as_line(notice: Notice) -> str:
    """The notice as a line of JSON."""
    content = None if notice.model is None else {**asdict(notice.model), "passport": None}
    return json.dumps({**vars(notice), "model": content}, default=str)


def as_notice(content: dict[str, Any]) -> Notice:
    """What `as_line` wrote."""
    model = content["model"]
    if model is not None:
        folders = {name: Path(model[name]) for name in ("packed", "model")}
        model = RegisteredModel(**{**model, **folders})
    return Notice(**{**content, "model": model})


def with_passport(model: RegisteredModel) -> RegisteredModel:
    """The version with what it came from, which no notice brings."""
    file = model.packed.with_name("passport.json")
    return replace(model, passport=files.read_json(file) if file.is_file() else None)


class News:
    """What was told last of each version, so that only what has changed is told."""

    def __init__(self, watch: WatchedNames) -> None:
        self._project, self._watch = Project(root=Path(watch.root)), watch
        self._last: dict[Role, Notice] = {}

    def notices(self) -> Iterator[Notice]:
        """One for each version that is another one than before, or cannot be had for another reason."""
        for role, asked in self._watch.asked.items():
            notice = self._notice(role, asked)
            if self._last.get(role) != notice:
                self._last[role] = notice
                yield notice

    def _notice(self, role: Role, asked: str) -> Notice:
        try:
            last = self._last.get(role)
            # The files are fetched and checked when the version is another one: that takes longer than to ask for it.
            if last is not None and last.model is not None and self._is_still(last.model):
                return last
            return Notice(role=role, model=registered_model(self._project, asked, offline=self._watch.offline))
        except UserError as error:
            return Notice(role=role, why=str(error), has_no_version=isinstance(error, NoSuchVersionError))

    def _is_still(self, model: RegisteredModel) -> bool:
        if self._watch.offline or model.alias is None:
            return True
        try:
            with store.reachable(self._project):
                return alias_number(store.connect(self._project), model.name, model.alias) == model.version
        except UserError:
            # Asked for the version itself, it is missed with what can be done, and in the same words each time.
            return False


def run(watch: WatchedNames) -> None:
    """Until standard input ends."""
    news = News(watch)
    while True:
        for notice in news.notices():
            sys.stdout.write(f"{as_line(notice)}\n")
            sys.stdout.flush()
        if select.select([sys.stdin], [], [], watch.seconds)[0] and not sys.stdin.readline():
            return


if __name__ == "__main__":
    run(WatchedNames(**json.loads(sys.argv[1])))
    # Python's own end takes seconds after these libraries: they are waited for when the server ends.
    os._exit(0)

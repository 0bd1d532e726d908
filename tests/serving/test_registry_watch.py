"""What is told of the registry, and how often."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.errors import UserError
from tasks.serving import registry_watch
from tasks.serving.registry_watch import News, WatchedNames
from tasks.tracking import store
from tasks.tracking.registered import RegisteredModel

MODEL = RegisteredModel(
    name="shop", version=1, alias="champion", packed=Path("packed"), model=Path("model"), recipe="", passport={}
)


def test_a_registry_that_goes_away_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[RegisteredModel | Exception] = [MODEL, *[UserError("nobody answers; start it")] * 3, MODEL]

    def answer(*_: Any, **__: Any) -> RegisteredModel:
        match answers.pop(0):
            case RegisteredModel() as model:
                return model
            case error:
                raise error

    def number(*_: Any) -> int:
        raise ConnectionError

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setattr(registry_watch, "registered_model", answer)
    monkeypatch.setattr(registry_watch, "alias_number", number)
    monkeypatch.setattr(store, "connect", lambda _: None)
    news = News(WatchedNames(root=str(tmp_path), live="shop", challenger=None, seconds=1, offline=False))
    told = [[notice.why for notice in news.notices()] for _ in range(5)]
    assert told == [[None], ["nobody answers; start it"], [], [], [None]]

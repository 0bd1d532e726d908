"""The parameters of all stages as flat text, and what sets two trainings apart in a few words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tasks.params.config import Config
from tasks.params.pipeline import Pipeline
from tasks.tracking.runs import flat_params

_KINDS = ("trainer", "estimator.kind", "network.kind")
"""What decides which other settings of train there are."""

_NAME_LENGTH = 90
"""Characters of a run's name: a page's column shows no more of it."""

_SHOWN = 3
"""Changes that a run's name tells; of more it tells the number."""

_LONG = 24
"""Characters of a value that a run's name holds."""


def of_all_stages(pipeline: Pipeline) -> dict[str, str]:
    """Each setting by its dotted name. Those of train, which most people look for, go without the stage's name.

    What users name themselves, such as columns, is one JSON text: MLflow refuses names with many a sign, and a
    table of a thousand columns would have thousands of parameters.
    """
    params = flat_params(pipeline.train) | {"trainer": pipeline.train.kind}
    for name, field in type(pipeline).model_fields.items():
        stage = field.alias or name
        # What else was to be tried has made no model, nor what is asked of its answers, nor who is told.
        if stage not in ("train", "tune", "monitor", "schedule", "notify", "serve", "retention"):
            params |= {f"{stage}.{key}": text for key, text in _leaves(getattr(pipeline, name))}
    return params


def _leaves(config: Config, prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, field in type(config).model_fields.items():
        value, key = getattr(config, name), f"{prefix}{field.alias or name}"
        if isinstance(value, Config):
            yield from _leaves(value, f"{key}.")
        else:
            yield key, _as_text(config.model_dump(mode="json")[name])


def _as_text(value: Any) -> str:
    return json.dumps(_without_none(value), ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    return value


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Each setting in which two trainings differ, as "learning_rate 0.1 -> 0.2", those that matter most first.

    A setting that one of them lacks differs only where the kind of trainer does not say so already: an earlier
    Modelwright did not log all of them.
    """
    kinds = [name for name in _KINDS if before.get(name) != after.get(name)]
    names = sorted({*before} & {*after}, key=lambda name: ("." in name, name))
    different = [name for name in names if before[name] != after[name] and name not in kinds and name != "kind"]
    return [change_of(name, before.get(name), after.get(name)) for name in [*kinds, *different]]


def change_of(name: str, before: str | None, after: str | None) -> str:
    """One change, short enough for a line."""
    if max(len(before or ""), len(after or "")) > _LONG:
        return f"{name} changed"
    return f"{name} {before or '(none)'} -> {after or '(none)'}"


def run_name(kind: str, different: list[str] | None) -> str:
    """What tells a training from the last one: its first changes, or that there are none."""
    if different is None:
        return f"first: {kind}"
    if not different:
        return f"{kind}, as before"
    for num_shown in range(min(_SHOWN, len(different)), 0, -1):
        more = len(different) - num_shown
        name = ", ".join([*different[:num_shown], *([f"{more} more"] if more else [])])
        if len(name) <= _NAME_LENGTH:
            return name
    return name[: _NAME_LENGTH - 3] + "..."

"""The search space of `tune`: ranges as they are written, checked against the settings that they are of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from tasks.errors import did_you_mean
from tasks.params.config import Config
from tasks.params.train import EnsembleTrain
from tasks.params.tune import TRIED, Tune

if TYPE_CHECKING:
    from tasks.params.pipeline import Pipeline

_LOG = "log"


@dataclass(frozen=True, kw_only=True)
class NumberRange:
    """Numbers from `low` to `high`, both included; whole ones, or evenly by their logarithm."""

    low: float
    high: float
    whole: bool
    log: bool

    def holds(self, value: Any) -> bool:
        """Whether the setting's value lies in it."""
        return _is_number(value) and self.low <= value <= self.high


@dataclass(frozen=True, kw_only=True)
class Choices:
    """One of several values of any kind."""

    values: tuple[Any, ...]

    def holds(self, value: Any) -> bool:
        """Whether the setting's value is one of them."""
        return any(_same(value, one) for one in self.values)


Space = Mapping[str, NumberRange | Choices]


def search_space(pipeline: Pipeline, ranges: Mapping[str, Any]) -> Space:
    """The ranges by the settings' dotted names. Raises ValueError that names the range, what is wrong, and the cure."""
    return {name: _checked(pipeline, name, written) for name, written in ranges.items()}


def with_values(pipeline: Pipeline, values: Mapping[str, Any]) -> Pipeline:
    """The block with other values of these settings. Raises pydantic's ValidationError where they do not fit."""
    block = pipeline.model_dump(by_alias=True, exclude_unset=True, exclude={"tune"})
    for name, value in values.items():
        *way, last = way_to(pipeline, name)
        section: Any = block
        for step in way:
            # A member is there; of a section that is not, the settings are made.
            if isinstance(step, str) and section.get(step) is None:
                section[step] = {}
            section = section[step]
        section[last] = value
    return type(pipeline).model_validate(block)


def value_of_setting(pipeline: Pipeline, name: str) -> Any:
    """What the setting is now, defaults included; None where its section is not there."""
    current: Any = pipeline
    for step in way_to(pipeline, name):
        if isinstance(step, int):
            current = current[step]
        else:
            current = current.get(step) if isinstance(current, Mapping) else getattr(current, step, None)
    return current


def way_to(pipeline: Pipeline, name: str) -> list[str | int]:
    """The sections and the setting of a dotted name, one below the other: a member of an ensemble by its place."""
    way: list[str | int] = [*name.split(".")]
    if isinstance(pipeline.train, EnsembleTrain) and way[:2] == ["train", "members"] and way[2:]:
        names = pipeline.train.names
        way[2] = names.index(str(way[2])) if way[2] in names else way[2]
    return way


def _checked(pipeline: Pipeline, name: str, written: Any) -> NumberRange | Choices:
    _check_name(pipeline, name)
    if not isinstance(written, list | tuple) or len(written) < 2:
        is_list = isinstance(written, list | tuple)
        wrong = f"has {len(written)} of the two values that it needs," if is_list else "must be a list,"
        raise ValueError(f"tune.{name}: {wrong} such as [0.01, 0.2, log] for a range or [a, b] for a choice")
    low, high = written[:2]
    is_log = len(written) == 3 and written[2] == _LOG
    if not (_is_number(low) and _is_number(high)) or (len(written) > 2 and not is_log):
        return _choices(pipeline, name, written)
    _check_bounds(name, low, high, is_log=is_log)
    for end in (low, high):
        _check_value(pipeline, name, end)
    # Nothing else says of all kinds of settings whether they are of whole numbers.
    whole = isinstance(low, int) and isinstance(high, int) and _refusal(pipeline, name, low + 0.5) is not None
    return NumberRange(low=low, high=high, whole=whole, log=is_log)


def _choices(pipeline: Pipeline, name: str, written: Any) -> Choices:
    for number, value in enumerate(written):
        if any(_same(value, other) for other in written[:number]):
            raise ValueError(f"tune.{name}: {value!r} stands there twice; name each choice once")
        _check_value(pipeline, name, value)
    return Choices(values=tuple(written))


def _check_name(pipeline: Pipeline, name: str) -> None:
    section, *way = name.split(".")
    if "." not in name:
        known = [*TRIED, *Tune.model_fields]
        raise ValueError(f"tune.{name} is unknown{did_you_mean(name, known)}")
    if section not in TRIED:
        raise ValueError(
            f"tune.{name}: a trial changes settings of {', '.join(TRIED)}, so that all are judged alike on the same "
            "rows; take it out"
        )
    current: Any = getattr(pipeline, section)
    for place, step in enumerate(way):
        if isinstance(current, tuple) and isinstance(pipeline.train, EnsembleTrain) and way[:place] == ["members"]:
            current = _member(pipeline.train, name, step)
            continue
        # What a user names, such as a column, and what stands below a section that is not there, its value tells.
        if current is None or isinstance(current, Mapping):
            return
        settings = _settings_of(current)
        if settings is None:
            kind = "a list, whose entries have no names" if isinstance(current, tuple) else "a value"
            raise ValueError(f"tune.{name}: {step} is unknown, as before it stands {kind}; give a setting's whole name")
        if step not in settings:
            raise ValueError(f"tune.{name}: {step} is unknown{did_you_mean(step, settings)}")
        current = getattr(current, step)
    if way[-1] == "kind":
        raise ValueError(
            f"tune.{name}: another kind has other settings; tune a pipeline of each kind, and compare them"
        )
    if way == ["refit"]:
        raise ValueError(
            f"tune.{name}: trials are judged without the refit, so all of its values score the same; take it out, and "
            "set train.refit itself"
        )
    inside = _settings_of(current)
    if inside is not None:
        inner = next((setting for setting in inside if setting != "kind"), "kind")
        raise ValueError(f"tune.{name}: is a section; name one of its settings, such as {inner}")


def _member(train: EnsembleTrain, name: str, called: str) -> Config:
    if called not in train.names:
        raise ValueError(f"tune.{name}: {called} is no member{did_you_mean(called, train.names)}")
    return train.members[train.names.index(called)]


def _settings_of(current: Any) -> list[str] | None:
    """The names of a section's settings; None for what is no section."""
    return [*type(current).model_fields] if isinstance(current, Config) else None


def _check_bounds(name: str, low: float, high: float, *, is_log: bool) -> None:
    if low >= high:
        cure = f"write [{high:g}, {low:g}]" if low > high else "give two different ones, or take it out"
        raise ValueError(f"tune.{name}: the bounds {low:g} and {high:g} leave nothing between them; {cure}")
    if is_log and low <= 0:
        raise ValueError(f"tune.{name}: log needs bounds above 0, and the first is {low:g}; raise it, or take log out")


def _check_value(pipeline: Pipeline, name: str, value: Any) -> None:
    refusal = _refusal(pipeline, name, value)
    if refusal is not None:
        raise ValueError(f"tune.{name}: {value!r} is no value of it ({refusal}); correct the range")


def _refusal(pipeline: Pipeline, name: str, value: Any) -> str | None:
    """What the setting says of the value; None where it takes it, whatever other settings say of them together."""
    try:
        with_values(pipeline, {name: value})
    except ValidationError as error:
        _, *way = name.split(".")
        # What a whole section says of itself, it may say for the value that another setting has now.
        own = [
            problem
            for problem in error.errors(include_url=False)
            if way[-1] in problem["loc"] or (problem["type"] != "value_error" and problem["loc"][-1] in way)
        ]
        return first_complaint(own[0]["msg"]) if own else None
    return None


def first_complaint(message: str) -> str:
    """pydantic's sentence as part of another one."""
    message = message.removeprefix("Value error, ").removeprefix("Input ")
    return message[0].lower() + message[1:]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(value: Any, other: Any) -> bool:
    """Whether they are written alike: 1, 1.0 and true are equal to Python."""
    return json.dumps(_plain(value)) == json.dumps(_plain(other))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value

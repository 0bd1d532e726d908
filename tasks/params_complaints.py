"""What is wrong with a block of params.yaml, in sentences: pydantic's findings, with the paths of the file."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ValidationError

from tasks.errors import did_you_mean
from tasks.params import Config, Params


def complaints(path: Path, error: ValidationError) -> Iterator[str]:
    """A line for each thing that is wrong: where it stands in the file, what is wrong, and what to do."""
    for problem in error.errors(include_url=False):
        where = _dotted(problem["loc"])
        match problem["type"]:
            case "extra_forbidden":
                known = _known_keys(problem["loc"][:-1])
                yield f"{path}: {where} is unknown{did_you_mean(str(problem['loc'][-1]), known)}"
            case "missing":
                yield f"{path}: {where} is missing; add it{_defaults_hint(problem['loc'])}"
            case "union_tag_not_found":
                yield f"{path}: {where}.kind is missing; it is one of {_tags(problem['loc'])}"
            case "union_tag_invalid":
                tag = str(problem["ctx"]["tag"])
                kinds = _union_tags(_type_at(problem["loc"]))
                yield f"{path}: {where}.kind {tag!r} is unknown{did_you_mean(tag, kinds)}"
            case "string_pattern_mismatch" if problem["loc"][-1] == "[key]":
                yield f"{path}: {where}: a pipeline's name has lower-case letters, digits, - and _ only; rename it"
            case "literal_error" if problem["loc"][-1] == "[key]":
                names = typing.get_args(typing.get_args(_type_at(problem["loc"][:-2]))[0])
                yield f"{path}: {where} is unknown{did_you_mean(str(problem['input']), names)}"
            case "model_type" | "model_attributes_type" | "dict_type":
                yield f"{path}: {where} must be a mapping of keys to values{_shown(problem['input'])}"
            case _:
                yield f"{path}: {where}: {_said_plainly(problem['msg'])}{_shown(problem['input'])}"


def _said_plainly(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[0].lower() + message[1:]


def _shown(value: Any) -> str:
    """A wrong value, when it is short enough to be one."""
    if isinstance(value, Mapping | list | Config):
        return ""
    return f" (it is {'empty' if value is None else repr(value)[:80]})"


def _defaults_hint(location: tuple[int | str, ...]) -> str:
    """How to write a section that may be empty."""
    kind = _type_at(location)
    models = _union_tags(kind).values() or ([kind] if isinstance(kind, type) and issubclass(kind, Config) else [])
    if any(all(not field.is_required() for field in model.model_fields.values()) for model in models):
        return f" (`{location[-1]}: {{}}` takes its defaults)"
    return ""


def _tags(location: tuple[int | str, ...]) -> str:
    return ", ".join(_union_tags(_type_at(location)))


def _dotted(location: tuple[int | str, ...]) -> str:
    """The path in the file: pydantic puts the tag of a union into the location, the file does not have it."""
    return ".".join(str(step) for step in _steps_in_file(location))


def _steps_in_file(location: tuple[int | str, ...]) -> Iterator[int | str]:
    current: Any = Params
    for step in location:
        tags = _union_tags(current)
        if step in tags:
            current = tags[str(step)]
            continue
        if step == "[key]":
            continue
        yield step
        current = _member(current, step)


def _type_at(location: tuple[int | str, ...]) -> Any:
    current: Any = Params
    for step in location:
        tags = _union_tags(current)
        current = tags[str(step)] if step in tags else _member(current, step)
    return current


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    model = _unwrapped(_type_at(location))
    if isinstance(model, type) and issubclass(model, Config):
        return [field.alias or name for name, field in model.model_fields.items()]
    return []


def _member(current: Any, step: int | str) -> Any:
    """The type of what stands at `step` below a value of type `current`."""
    current = _unwrapped(current)
    if isinstance(current, type) and issubclass(current, BaseModel):
        for name, field in current.model_fields.items():
            if step in (name, field.alias):
                return field.annotation
        return None
    arguments = typing.get_args(current)
    return arguments[-1] if typing.get_origin(current) is dict else (arguments[0] if arguments else None)


def _union_tags(current: Any) -> dict[str, Any]:
    members = [member for member in typing.get_args(_unwrapped(current)) if isinstance(member, type)]
    models = [member for member in members if issubclass(member, BaseModel) and "kind" in member.model_fields]
    return {typing.get_args(model.model_fields["kind"].annotation)[0]: model for model in models}


def _unwrapped(current: Any) -> Any:
    """Without Annotated and without `| None`."""
    while typing.get_origin(current) is Annotated:
        current = typing.get_args(current)[0]
    arguments = typing.get_args(current)
    without_none = [argument for argument in arguments if argument is not type(None)]
    if len(without_none) == 1 and len(arguments) == 2 and type(None) in arguments:
        return _unwrapped(without_none[0])
    return current

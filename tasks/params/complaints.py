"""What is wrong with a block of params.yaml, in sentences: pydantic's findings, with the paths of the file."""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union

from pydantic import BaseModel, ValidationError

from tasks.errors import did_you_mean
from tasks.params.config import Config
from tasks.params.pipeline import Params
from tasks.params.renamed import instead_of

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails


def complaints(path: Path, error: ValidationError, content: Mapping[str, Any]) -> Iterator[str]:
    """A line for each thing that is wrong: where it stands in the file, what is wrong, and what to do.

    `content` is what was to be params.yaml as a whole.
    """
    problems = error.errors(include_url=False)
    for problem in _one_a_choice(problem for problem in problems if not _only_follows(problem, problems)):
        where = _dotted(problem["loc"], content)
        match problem["type"]:
            # A number is no key of a section either.
            case "extra_forbidden" | "invalid_key":
                known = _known_keys(problem["loc"][:-1])
                # The path in a block is that behind `pipelines.NAME.`.
                instead = instead_of(where.split(".", 2)[-1], known)
                cure = f"; {instead}" if instead else did_you_mean(str(problem["loc"][-1]), known)
                yield f"{path}: {where} is unknown{cure}"
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
            case "string_pattern_mismatch" if examples := _examples(problem["loc"]):
                shown = ", or ".join(map(str, examples))
                yield f"{path}: {where} is not written as it must be{_shown(problem['input'])}; write it like {shown}"
            case "literal_error" if problem["loc"][-1] == "[key]":
                names = typing.get_args(typing.get_args(_type_at(problem["loc"][:-2]))[0])
                yield f"{path}: {where} is unknown{did_you_mean(str(problem['input']), names)}"
            case "too_short" | "string_too_short" if problem["ctx"]["min_length"] == 1 and problem["input"] == "":
                what = "has a name that is empty" if problem["loc"][-1] == "[key]" else "must not be empty"
                yield f"{path}: {where.rstrip('.')} {what}; write it, or take it out"
            case "too_short" if problem["input"] in ([], ()):
                yield f"{path}: {where} is an empty list; name one at least{_or_left_out(problem['loc'])}"
            # A column may be called 2019, which YAML takes for a number.
            case "string_type" if not isinstance(problem["input"], Mapping | list | Config):
                written = json.dumps(problem["input"], default=str).strip('"')
                yield f'{path}: {where} must be text{_shown(problem["input"])}; write it in quotes: "{written}"'
            case "model_type" | "model_attributes_type" | "dict_type":
                yield f"{path}: {where} must be a mapping of keys to values{_shown(problem['input'])}"
            case "tuple_type" | "list_type":
                yield f"{path}: {where} must be {_what_lists(problem)}"
            case _:
                yield f"{path}: {where}: {_plain_message(problem['msg'])}{_shown(problem['input'])}"


def _only_follows(problem: ErrorDetails, problems: Iterable[ErrorDetails]) -> bool:
    """Whether a list is called too short only as things in it are wrong: pydantic counts those that are left."""
    place = problem["loc"]
    inside = (other for other in problems if len(other["loc"]) > len(place) and other["loc"][: len(place)] == place)
    return problem["type"] == "too_short" and any(inside)


def _one_a_choice(problems: Iterable[ErrorDetails]) -> Iterator[ErrorDetails]:
    """Where one of several things may stand, pydantic says of each what is wrong with it: the nearest are kept, as one.

    Nearest is what was understood the furthest: of `class_weight: {a: 0}` that a is too small, and not that a mapping
    is not the word balanced.
    """
    choices: dict[tuple[int | str, ...], list[ErrorDetails]] = {}
    for problem in problems:
        choices.setdefault(_choice_at(problem["loc"]), []).append(problem)
    for place, of_one_choice in choices.items():
        furthest = max(len(problem["loc"]) for problem in of_one_choice)
        nearest, *others = (problem for problem in of_one_choice if len(problem["loc"]) == furthest)
        # Within one of the things, such as two keys of a section, each is wrong by itself.
        if furthest > len(place) + 1 and len({problem["loc"][len(place)] for problem in (nearest, *others)}) == 1:
            yield from (nearest, *others)
            continue
        if others:
            expectations = [
                problem["msg"].removeprefix("Input should be ").split(", unable")[0] for problem in (nearest, *others)
            ]
            nearest = {**nearest, "type": "choice", "msg": f"Input should be {', or '.join(expectations)}"}
        yield nearest


def _choice_at(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The location up to where one of several things may stand, none of them told apart by its kind; or all of it."""
    current: Any = Params
    for number, step in enumerate(location):
        if _alternatives(current):
            return location[:number]
        current = _next(current, step)
    return location


def _alternatives(current: Any) -> list[Any]:
    """What may stand there, where that is several things without a kind."""
    current = _unwrapped(current)
    if typing.get_origin(current) not in (Union, UnionType) or _union_tags(current):
        return []
    return [one for one in typing.get_args(current) if one is not type(None)]


def _next(current: Any, step: int | str) -> Any:
    """The type below `current`, or the alternative that the step names in pydantic's words, such as dict[str,float]."""
    alternatives = _alternatives(current)
    if alternatives:
        named = str(step).partition("[")[0]
        return next((one for one in alternatives if getattr(_kind_of(one), "__name__", "") == named), None)
    tags = _union_tags(current)
    return tags[str(step)] if step in tags else _member(current, step)


def _kind_of(alternative: Any) -> Any:
    """A section itself; of what is written with brackets, what stands before them."""
    return alternative if isinstance(alternative, type) else typing.get_origin(alternative)


def _what_lists(problem: ErrorDetails) -> str:
    """What may stand in place of what is no list."""
    item = _unwrapped(_member(_type_at(problem["loc"]), 0))
    if isinstance(item, type) and issubclass(item, Config):
        return f"a mapping of keys to values, or a list of such{_shown(problem['input'])}"
    value = problem["input"]
    return "a list (it is empty); write it, or take it out" if value is None else f"a list, such as [{value}]"


def _or_left_out(location: tuple[int | str, ...]) -> str:
    """The other cure, where a setting need not be there."""
    field = _field_at(location)
    return ", or take it out" if field is not None and not field.is_required() else ""


def _examples(location: tuple[int | str, ...]) -> list[Any]:
    """How a setting may be written, where it says so."""
    field = _field_at(location)
    return (field.examples or []) if field is not None else []


def _field_at(location: tuple[int | str, ...]) -> FieldInfo | None:
    *above, last = location
    section = _unwrapped(_type_at(tuple(above)))
    if not (isinstance(section, type) and issubclass(section, Config)):
        return None
    return next((field for name, field in section.model_fields.items() if last in (name, field.alias)), None)


def _plain_message(message: str) -> str:
    message = re.sub(r" or instance of \w+", "", message)
    message = message.removeprefix("Value error, ").replace("a valid dictionary", "a mapping of keys to values")
    message = message.replace("a valid boolean", "true or false")
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


def _dotted(location: tuple[int | str, ...], content: Any) -> str:
    """The path in the file: pydantic puts the tag of a union into the location, the file does not have it."""
    return ".".join(str(step) for step in _steps_in_file(location, content))


def _steps_in_file(location: tuple[int | str, ...], content: Any) -> Iterator[int | str]:
    current: Any = Params
    for step in location:
        # pydantic's word for a mapping's key, which is no step of the file.
        if step == "[key]":
            continue
        is_of_file = step not in _union_tags(current) and not _alternatives(current)
        # Where a list may stand, one mapping is a list of one: the file has no number there.
        if is_of_file and not (step == 0 and _is_list(current) and isinstance(content, Mapping)):
            yield step
            content = _below(content, step)
        current = _next(current, step)


def _is_list(current: Any) -> bool:
    return typing.get_origin(_unwrapped(current)) in (list, tuple)


def _below(content: Any, step: int | str) -> Any:
    """What stands there in the file; None where nothing does, or a number is no place in it."""
    match content:
        case Mapping():
            return content.get(step)
        case list() if isinstance(step, int) and step < len(content):
            return content[step]
        case _:
            return None


def _type_at(location: tuple[int | str, ...]) -> Any:
    current: Any = Params
    for step in location:
        current = _next(current, step)
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

"""What `modelwright init --set KEY=VALUE` gives: of the source, such as header=true, or of a stage, as train.seed=1."""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tasks.drafting.location import Pointed
from tasks.errors import UserError, did_you_mean
from tasks.params.config import Config
from tasks.paths import STAGES

_NAMED = re.compile(r"ingest\.source\.([a-z_]+)")
_OPTIONS = {"ingest.target": "--target COLUMN", "ingest.task": "--task TASK", "register.metric": "--metric METRIC"}
_TAB = r"\t"
"""A tab as people can type it."""


def parted(given: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Those of the source, which say how it is read, as they are; those of stages by their dotted names, read as YAML.

    Raises UserError for what has an option of its own.
    """
    of_source: list[str] = []
    of_stages: dict[str, Any] = {}
    for text in given:
        key, sign, value = text.partition("=")
        key = key.strip()
        first = key.split(".")[0]
        if not sign or (first not in STAGES and "." not in key) or key.startswith(("source.", "ingest.source.")):
            of_source.append(text)
        elif first not in STAGES:
            raise UserError(f"--set {key}: there is no stage {first}{did_you_mean(first, STAGES)}")
        elif key in _OPTIONS:
            raise UserError(f"--set {key}: give it as {_OPTIONS[key]}, so that the rest is drafted for it")
        elif "." not in key:
            raise UserError(f"--set {key}: a stage has many settings; write one of them, such as --set train.seed=1")
        else:
            of_stages[key] = _as_yaml(value)
    return of_source, of_stages


def _as_yaml(text: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe").load(text)
    except YAMLError:
        return text


def with_given(pointed: Pointed, given: Sequence[str]) -> Pointed:
    """The source with what was given as KEY=VALUE. Raises UserError for what is no setting of such a source."""
    block = pointed.source
    for text in given:
        key, sign, value = text.partition("=")
        if not sign:
            raise UserError(f"--set {text}: write KEY=VALUE, such as --set header=true")
        block = _with_one(block, key.strip().removeprefix("ingest.").removeprefix("source."), value)
    return replace(pointed, source=block)


def advised(error: UserError) -> UserError:
    """The same message, with how `init` takes the settings that it names: there is no params.yaml to write them in."""
    keys = list(dict.fromkeys(_NAMED.findall(str(error))))
    if not keys:
        return error
    return type(error)(f"{error}\n(to `modelwright init`, give {' or '.join(f'--set {key}=VALUE' for key in keys)})")


def _with_one(block: dict[str, Any], key: str, value: str) -> dict[str, Any]:
    """What says how rows are read stands in the content of what is fetched."""
    content = block.get("content", {})
    inner = _settings_of(content["kind"]) if content else {}
    known = _settings_of(block["kind"])
    if key == "kind" or key not in {*known, *inner}:
        raise UserError(
            f"--set: a source of the kind {block['kind']} has no setting {key}"
            f"{did_you_mean(key, {*known, *inner} - {'kind'})}"
        )
    if key in inner and key != "path":
        changed = {**block, "content": {**content, key: _plain(value, key, inner[key])}}
        return {**block, "content": {**content, key: _checked(changed, key, value)["content"][key]}}
    changed = {**block, key: _plain(value, key, known[key])}
    return {**block, key: _checked(changed, key, value)[key]}


def _settings_of(kind: str) -> dict[str, Any]:
    """The settings of such a source, each with its type."""
    from tasks.params import sources

    kinds: tuple[type[Config], ...] = typing.get_args(typing.get_args(sources.Source)[0])
    [model] = [model for model in kinds if typing.get_args(model.model_fields["kind"].annotation) == (kind,)]
    return {name: field.annotation for name, field in model.model_fields.items()}


def _plain(text: str, key: str, annotation: Any) -> Any:
    """A list as YAML; all else as text, which is lax enough: `true` and 3 are read from it, # and ? stay signs.

    Who names a sign for a missing value does not mean that an empty cell is a text from then on.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if not any(typing.get_origin(kind) is tuple for kind in (annotation, *typing.get_args(annotation))):
        return "\t" if text == _TAB else text
    try:
        listed = YAML(typ="safe").load(text) if text.startswith("[") else [text]
    except YAMLError:
        return text
    return ["", *listed] if key == "missing" and "" not in listed else listed


def _checked(block: Mapping[str, Any], key: str, value: str) -> dict[str, Any]:
    """The whole block, its values of the types that they are in params.yaml."""
    from pydantic import TypeAdapter, ValidationError

    from tasks.params.sources import Source

    source: TypeAdapter[Config] = TypeAdapter(Source)
    try:
        return source.validate_python(block).model_dump(mode="json")
    except ValidationError as error:
        message = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise UserError(f"--set {key}={value}: {message}; correct it") from None

"""docs/parameters.md, made from the models in params.py: `python -m tasks.params.page > docs/parameters.md`.

Other pages take tables over from it: `python -m tasks.params.page --into docs/training.md`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.errors import UserError, did_you_mean
from tasks.params.pipeline import json_schema
from tasks.paths import STAGES

Schema = Mapping[str, Any]

INTRODUCTION = """\
# Parameters

What stands in params.yaml: every setting, what it may be, and what it is when you leave it out.

This page is made from the models in [tasks/params/](../tasks/params/) by `make schema`; edit it there. Editors that
know YAML schemas read the same from `params.schema.json`, and complete and check params.yaml while you type.

The file holds one mapping, `pipelines`, with a block for each pipeline. A pipeline's name has lower-case letters,
digits, `-` and `_`, 64 at most; it is also the suffix of its DVC stages, its folder below data/, models/ and reports/,
its MLflow experiment and its registered model. A block has a section for each of the nine stages. A section may be
empty (`clean: {}`) unless one of its settings is required. Sections `predict`, `tune`, `monitor`, `schedule`,
`notify`, `serve` and `retention` may stand beside them.

An unknown key, a wrong type or a value out of range is refused before anything runs; the message names the key and what
it may be. The file is YAML 1.2: `1e-3` is a number, and `no` is text.
"""

_SINGULARS = {"integer": "whole number", "number": "number", "string": "text"}
_PLURALS = {"integer": "whole numbers", "number": "numbers", "string": "texts"}
_NAMES = {"columns": "COLUMN", "gate": "METRIC", "quality": "METRIC"}
"""What stands for a key that the user chooses, in the headings of mappings."""
_PLACE = re.compile(r"(<!-- settings: (?P<heading>[^\n]+) -->\n).*?(<!-- end -->)", re.DOTALL)
"""Where another page shows a table of this one."""


def page() -> str:
    """The whole page, as Markdown."""
    schema = json_schema()
    definitions: Schema = schema["$defs"]
    stages = definitions["Pipeline"]["properties"]
    shown: dict[str, str] = {}
    sections = (*STAGES, "predict", "tune", "monitor", "schedule", "notify", "serve", "retention")
    lines = [INTRODUCTION, " · ".join(f"[{section}](#{section})" for section in sections), ""]
    for stage in sections:
        lines += _section(stage, stages[stage], definitions, shown, level=2)
    return "\n".join(lines).rstrip() + "\n"


def tables() -> dict[str, str]:
    """The table below each heading of the page. What it links to stands in parameters.md."""
    sections = re.findall(r"^#+ (.+)\n((?:(?!#).*\n)*)", page(), re.MULTILINE)
    tables = {heading: re.search(r"(?:^\|.*\n)+", text, re.MULTILINE) for heading, text in sections}
    return {heading: table[0].replace("](#", "](parameters.md#") for heading, table in tables.items() if table}


def with_tables(text: str) -> str:
    """A page of docs/ with the tables of today: from each `<!-- settings: HEADING -->` to the `<!-- end -->` behind it.

    Raises UserError for a heading that docs/parameters.md does not have.
    """
    known = tables()

    def filled(place: re.Match[str]) -> str:
        if place["heading"] not in known:
            raise UserError(f"no settings have the heading {place['heading']}{did_you_mean(place['heading'], known)}")
        return f"{place[1]}\n{known[place['heading']]}\n{place[3]}"

    return _PLACE.sub(filled, text)


def main(arguments: Sequence[str]) -> None:
    """Prints the page; with `--into FILE` puts its tables into another."""
    if arguments[:1] == ["--into"]:
        file = Path(arguments[1])
        file.write_text(with_tables(file.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        # The page ends with a newline of its own.
        print(page(), end="")  # noqa: T201


def _section(path: str, schema: Schema, definitions: Schema, shown: dict[str, str], level: int) -> Iterator[str]:
    """A heading for what stands at `path`, with its settings, and a section for each thing below it.

    `shown` has the headings of the models that were shown before: one that may stand in several places is shown once.
    """
    kinds = _kinds(schema, definitions)
    if kinds:
        new = {kind: model for kind, model in kinds.items() if model["title"] not in shown}
        shown.update({model["title"]: f"{path}, kind: {kind}" for kind, model in new.items()})
        yield from _choice(path, kinds, shown, level)
        for kind, model in new.items():
            yield from _model(path, f"{path}, kind: {kind}", model, definitions, shown, level + 1)
    else:
        model = _resolved(_without_null(schema), definitions)
        if model["title"] in shown:
            yield from (f"{'#' * level} {path}", "", f"As {_link(shown[model['title']], shown[model['title']])}.", "")
            return
        shown[model["title"]] = path
        yield from _model(path, path, model, definitions, shown, level)


def _choice(path: str, kinds: Mapping[str, Schema], shown: Mapping[str, str], level: int) -> Iterator[str]:
    default = next((kind for kind, model in kinds.items() if "default" in model["properties"]["kind"]), None)
    left_out = f" (`{default}` when it is left out)" if default else ""
    yield from (f"{'#' * level} {path}", "", f"One of these, by its `kind`{left_out}:", "")
    yield from ("| kind | is |", "| --- | --- |")
    for kind, model in kinds.items():
        yield f"| {_link(f'`{kind}`', shown[model['title']])} | {_cell(model['description'])} |"
    yield ""


def _model(
    path: str, title: str, model: Schema, definitions: Schema, shown: dict[str, str], level: int
) -> Iterator[str]:
    """One mapping's settings as a table; `path` is where it stands in a block, `title` also names its kind."""
    yield from (f"{'#' * level} {title}", "", " ".join(model["description"].split()), "")
    settings = {name: setting for name, setting in model["properties"].items() if "const" not in setting}
    yield from ("| setting | value | default | meaning |", "| --- | --- | --- | --- |")
    for name, setting in settings.items():
        yield _row(f"{path}.{name}", name, setting, definitions)
    yield ""
    for name, setting in settings.items():
        if _is_section(setting, definitions):
            place, below = _below(f"{path}.{name}", setting)
            yield from _section(place, below, definitions, shown, level + 1)


def _row(path: str, name: str, setting: Schema, definitions: Schema) -> str:
    value = _value(setting)
    if _is_section(setting, definitions):
        place, below = _below(path, setting)
        value = _link("a mapping" if place == path else f"a mapping for each {_NAMES[name]}", place)
        # A section without a description of its own is shown by its model.
        setting = {"description": _resolved(below, definitions).get("description", ""), **setting}
    return f"| `{name}` | {value} | {_default(setting, definitions)} | {_cell(setting.get('description', ''))} |"


def _value(setting: Schema) -> str:
    """What may stand there, in words."""
    choices = [choice for choice in setting.get("anyOf", ()) if choice.get("type") != "null"]
    if len(choices) > 1:
        return " or ".join(map(_value, choices))
    match _without_null(setting):
        case {"enum": choices}:
            return ", ".join(_yaml(choice) for choice in choices)
        case {"const": choice}:
            return _yaml(choice)
        case {"type": "array", "prefixItems": items}:
            return f"[{', '.join(map(_value, items))}]"
        case {"type": "array", "items": item, **rest}:
            what = _PLURALS[item["type"]] if "type" in item else "mappings, each by its `kind`"
            return f"list of {what}{', one at least' if rest.get('minItems') else ''}"
        case {"type": "object", "additionalProperties": {"type": "object"} as inner}:
            return f"a mapping of texts, each to {_value(inner)}"
        case {"type": "object", "additionalProperties": {"type": kind}}:
            return f"a mapping of texts to {_PLURALS[kind]}"
        case {"type": "object"}:
            return "a mapping"
        case {"type": "boolean"}:
            return "`true`, `false`"
        case {"type": "integer" | "number" | "string" as kind, **bounds}:
            return _SINGULARS[kind] + _bounds(kind, bounds)
    return ""


def _bounds(kind: str, bounds: Schema) -> str:
    if kind == "string":
        return ", one character" if bounds.get("maxLength") == 1 else ""
    if "minimum" in bounds and "maximum" in bounds and "exclusiveMinimum" not in bounds:
        return f", {bounds['minimum']} to {bounds['maximum']}"
    least = f", above {bounds['exclusiveMinimum']}" if "exclusiveMinimum" in bounds else ""
    if not least and "minimum" in bounds:
        least = f", {bounds['minimum']} or more"
    most = f", below {bounds['exclusiveMaximum']}" if "exclusiveMaximum" in bounds else ""
    if not most and "maximum" in bounds:
        most = f", {bounds['maximum']} at most"
    return least + most


def _default(setting: Schema, definitions: Schema) -> str:
    if _is_section(setting, definitions):
        optional = "default" in setting or "additionalProperties" in setting
        return ("`{}`" if setting.get("default", {}) is not None else "not given") if optional else "required"
    if "default" not in setting:
        return "`{}`" if "additionalProperties" in setting else "required"
    return "not given" if setting["default"] is None else _yaml(setting["default"])


def _yaml(value: object) -> str:
    """The value as one would write it in params.yaml."""
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _is_section(setting: Schema, definitions: Schema) -> bool:
    """Whether a mapping with settings of its own stands there."""
    below = _below("", setting)[1]
    return "$ref" in below or bool(_kinds(below, definitions))


def _below(path: str, setting: Schema) -> tuple[str, Schema]:
    """Where the settings below this one stand, and their schema; a mapping of names has them below each name."""
    if isinstance(setting.get("additionalProperties"), Mapping):
        return f"{path}.{_NAMES[path.rsplit('.', 1)[-1]]}" if path else "", setting["additionalProperties"]
    return path, _without_null(setting)


def _kinds(schema: Schema, definitions: Schema) -> dict[str, Schema]:
    """The models of a union, by their kind and in the order of params.py; none when it is no union."""
    models = [_resolved(choice, definitions) for choice in schema.get("oneOf", ())]
    return {model["properties"]["kind"]["const"]: model for model in models}


def _without_null(schema: Schema) -> Schema:
    """`X | None` as X, and `number | X` as X, which has settings of its own: that it may be left out shows in its
    default, and a number in its description."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
    return next((choice for choice in choices if "$ref" in choice), choices[0]) if choices else schema


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    reference: str | None = schema.get("$ref")
    return definitions[reference.rsplit("/", 1)[-1]] if reference else schema


def _link(text: str, title: str) -> str:
    """A link to the heading with this title, as GitHub names it."""
    anchor = re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-")
    return f"[{text}](#{anchor})"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    main(sys.argv[1:])

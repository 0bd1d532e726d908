"""The text of params.yaml: read with its comments, and written with one block more and all else as it was."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tasks.drafting.block import indented, scalar
from tasks.errors import UserError
from tasks.params.file import pipelines_in, read_yaml

HEAD = "# yaml-language-server: $schema=params.schema.json\n\npipelines:\n"


def with_block(path: Path, name: str, block: str) -> str:
    """The file's text with the block behind the others. Raises UserError when the name is taken, or it is no YAML."""
    if not path.exists():
        return HEAD + indented(block, 2)
    text = _text(path)
    before = _blocks(path, text)
    if name in before:
        raise UserError(f"{path}: already has a pipeline {name}; give another name")
    # An empty mapping has no column of names to follow.
    if not before:
        return _first_block(text, block)
    # The file keeps one kind of line end: editors show a mixture as damage.
    newline = "\r\n" if "\r\n" in text else "\n"
    head = text if text.endswith("\n") else text + newline
    appended = head + indented(block, _column_of_names(text)).replace("\n", newline)
    # Appending keeps every byte of the file; behind blocks in braces it makes no YAML.
    return appended if _is_right(appended, before, name) else _inserted(text, name, block)


def with_settings(block: str, settings: Mapping[str, Any]) -> str:
    """A block's text with settings by their dotted names; comments stay. Raises UserError for a way that is none.

    Another `kind` takes the place of all that its section says: that was said of the kind before.
    """
    if not settings:
        return block
    document = _round_trip().load(block)
    [pipeline] = document.values()
    # Kinds first, the outer before the inner: whatever else is given belongs to that kind.
    for key in sorted(settings, key=lambda key: (not key.endswith(".kind"), key.count("."))):
        *way, last = key.split(".")
        section = pipeline
        for name in way:
            if section.get(name) is None:
                section[name] = {}
            section = section[name]
            if not isinstance(section, dict):
                raise UserError(f"--set {key}: {name} is no section, and has no settings; correct the name")
        if last == "kind" and section.get("kind") != settings[key]:
            section.clear()
        section[last] = settings[key]
    return _text_of(document, _round_trip())


def check_name_is_free(path: Path, name: str) -> None:
    """Raises UserError when the file has such a pipeline, or is no YAML: before an hour of reading, not after."""
    if path.exists() and name in _blocks(path, _text(path)):
        raise UserError(f"{path}: already has a pipeline {name}; give another name")


def holds_pipelines(path: Path) -> bool:
    """Whether the file has a block to stand beside. Raises UserError when it is no YAML."""
    return bool(_blocks(path, _text(path)))


def read_document(path: Path) -> tuple[Any, Any]:
    """The file with its comments, and the mapping of pipelines in it."""
    pipelines_in(path)
    document = _round_trip().load(path.read_text(encoding="utf-8"))
    return document, document["pipelines"]


def dumped(document: Any) -> str:
    """The file's text, sequences indented as the project's own files have them."""
    yaml = _round_trip()
    yaml.indent(mapping=2, sequence=4, offset=2)
    return _text_of(document, yaml)


def _text(path: Path) -> str:
    # For its complaint, which names the line.
    read_yaml(path)
    # Line ends as they are: Python would make one kind of them.
    with path.open(encoding="utf-8", newline="") as file:
        return file.read()


def _blocks(path: Path, text: str) -> dict[str, Any]:
    content = YAML(typ="safe").load(text)
    if content is None:
        return {}
    if not isinstance(content, dict) or set(content) - {"pipelines"}:
        raise UserError(f"{path}: must hold `pipelines:` and nothing beside; correct it first")
    blocks = content.get("pipelines") or {}
    if not isinstance(blocks, dict):
        raise UserError(f"{path}: pipelines must be a mapping of names to blocks; correct it first")
    return blocks


def _first_block(text: str, block: str) -> str:
    """In a file whose `pipelines:` is empty, or that has only comments."""
    kept = [line for line in text.splitlines(keepends=True) if line.lstrip().startswith("#") or not line.strip()]
    return "".join(kept) + ("\n" if kept and not kept[-1].endswith("\n") else "") + "pipelines:\n" + indented(block, 2)


def _column_of_names(text: str) -> int:
    blocks = YAML().load(text)["pipelines"]
    return int(blocks.lc.key(next(iter(blocks)))[1])


def _is_right(text: str, before: dict[str, Any], name: str) -> bool:
    """Whether the text reads as the old blocks and the new one; not so when `pipelines: {...}` stands on one line."""
    try:
        blocks = YAML(typ="safe").load(text)["pipelines"]
    except YAMLError:
        return False
    return {key: value for key, value in blocks.items() if key != name} == before and name in blocks


def _round_trip() -> YAML:
    yaml = YAML()
    # Lines stay as a person has broken them.
    yaml.width = 4096
    yaml.preserve_quotes = True
    return yaml


def _inserted(text: str, name: str, block: str) -> str:
    """Through ruamel, which keeps comments, and moves some of them."""
    yaml = _round_trip()
    document = yaml.load(text)
    document["pipelines"][name] = yaml.load(block)[name]
    # A block with comments cannot stand within braces.
    document["pipelines"].fa.set_block_style()
    return _text_of(document, yaml)


def _text_of(document: Any, yaml: YAML) -> str:
    text = io.StringIO()
    yaml.dump(document, text)
    return text.getvalue()


def with_name(path: Path, old: str, new: str) -> str:
    """The file's text with a block under another name; every other byte stays, comments too."""
    text = _text(path)
    before = _blocks(path, text)
    line, column = YAML().load(text)["pipelines"].lc.key(_key(before, old))
    lines = text.splitlines(keepends=True)
    # Plain or in quotes, up to the colon.
    lines[line] = lines[line][:column] + re.sub(r"^('[^']*'|\"[^\"]*\"|[^\s:]+)", scalar(new), lines[line][column:])
    renamed = "".join(lines)
    if _read(renamed) != {new if str(key) == old else key: block for key, block in before.items()}:
        raise UserError(f"{path}:{line + 1}: {old} stands there in a way that is not known; rename the block by hand")
    return renamed


def without_block(path: Path, name: str) -> str:
    """The file's text without a block and the comments above it."""
    text = _text(path)
    before = _blocks(path, text)
    blocks = YAML().load(text)["pipelines"]
    rest = {key: block for key, block in before.items() if str(key) != name}
    shortened = _cut(text, blocks, _key(before, name))
    if _read(shortened) == rest:
        return shortened
    # Within braces a block is no lines of its own.
    document = _round_trip().load(text)
    del document["pipelines"][_key(before, name)]
    return dumped(document)


def _key(blocks: dict[str, Any], name: str) -> Any:
    """The key as YAML reads it: of `2024:` it is a number."""
    return next(key for key in blocks if str(key) == name)


def _cut(text: str, blocks: Any, key: Any) -> str:
    lines = text.splitlines(keepends=True)
    starts = [_start(lines, blocks.lc.key(other)) for other in blocks] + [len(lines)]
    number = list(blocks).index(key)
    return "".join(lines[: starts[number]] + lines[starts[number + 1] :])


def _start(lines: list[str], place: tuple[int, int]) -> int:
    """Where a block begins: at the comments that stand right above its name, in the name's column."""
    line, column = place
    while lines[line - 1].startswith(" " * column + "#"):
        line -= 1
    return line


def _read(text: str) -> dict[Any, Any] | None:
    """The blocks in it; None when it is no such file any more."""
    try:
        return YAML(typ="safe").load(text)["pipelines"] or {}
    except (YAMLError, TypeError, KeyError):
        return None

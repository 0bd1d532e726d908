"""params.yaml with one block more, all else in it as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tasks.drafting.block import indented
from tasks.errors import UserError

HEAD = "# yaml-language-server: $schema=params.schema.json\n\npipelines:\n"


def with_block(path: Path, name: str, block: str) -> str:
    """The file's text with the block behind the others. Raises UserError when the name is taken, or it is no YAML."""
    if not path.exists():
        return HEAD + indented(block, 2)
    text = _text(path)
    before = _blocks(path, text)
    if name in before:
        raise UserError(f"{path}: already has a pipeline {name}; give another name")
    if not before:
        return _first_block(text, block)
    newline = "\r\n" if "\r\n" in text else "\n"
    head = text if text.endswith("\n") else text + newline
    appended = head + indented(block, _column_of_names(text)).replace("\n", newline)
    return appended if _is_right(appended, before, name) else _round_trip(text, name, block)


def check_name_is_free(path: Path, name: str) -> None:
    """Raises UserError when the file has such a pipeline, or is no YAML: before an hour of reading, not after."""
    if path.exists() and name in _blocks(path, _text(path)):
        raise UserError(f"{path}: already has a pipeline {name}; give another name")


def _text(path: Path) -> str:
    from tasks.params.file import read_yaml

    read_yaml(path)
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


def _round_trip(text: str, name: str, block: str) -> str:
    """Through ruamel, which keeps comments, and moves some of them."""
    import io

    yaml = YAML()
    yaml.width, yaml.preserve_quotes = 4096, True
    document = yaml.load(text)
    document["pipelines"][name] = yaml.load(block)[name]
    document["pipelines"].fa.set_block_style()
    content = io.StringIO()
    yaml.dump(document, content)
    return content.getvalue()

"""Settings of one pipeline written into the text of params.yaml: what is changed changes, and no other sign."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, SequenceNode

from tasks.drafting.block import flow
from tasks.errors import UserError
from tasks.params.file import check_pipeline, pipelines_in
from tasks.params.search_space import way_to, with_values

if TYPE_CHECKING:
    from pathlib import Path

    from ruamel.yaml.nodes import Node

    from tasks.params.pipeline import Pipeline


def with_settings_of(path: Path, name: str, values: Mapping[str, Any]) -> str:
    """The file's text with these settings, by their dotted names, in the pipeline's block.

    Raises UserError, with what to write by hand, where the text says them in a way that is not known, such as by an
    alias of YAML.
    """
    blocks = pipelines_in(path)
    before = check_pipeline(path, name, blocks[name])
    # Line ends as they are: Python would make one kind of them.
    with path.open(encoding="utf-8", newline="") as file:
        text = file.read()
    changed = text
    for key, value in values.items():
        changed = _with_setting(changed, ["pipelines", name, *way_to(before, key)], value)
    if not _is_right(changed, path, name, blocks, before, values):
        by_hand = ", ".join(f"{key}: {flow(value)}" for key, value in values.items())
        raise UserError(f"{path}: the block {name} is written in a way that is not known; write by hand: {by_hand}")
    return changed


def _with_setting(text: str, way: list[str | int], value: Any) -> str:
    """The text with one setting more, or another value of it."""
    node: Node = YAML().compose(text)
    for number, step in enumerate(way):
        below = _below(node, step)
        if below is None:
            return _added(text, node, step, _nested(way[number + 1 :], value))
        node = below
    start, end = node.start_mark.index, node.end_mark.index
    # A block list ends where the next key begins.
    shown = text[start:end].rstrip()
    return text[:start] + flow(value) + text[start + len(shown) :]


def _below(node: Node, step: str | int) -> Node | None:
    if isinstance(step, int):
        # A member of a list is there, or an alias stands for all of it.
        entry: Node | None = node.value[step] if isinstance(node, SequenceNode) else None
        return entry
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if key.value == step:
                below: Node = value
                return below
    return None


def _nested(way: list[str | int], value: Any) -> Any:
    for step in reversed(way):
        value = {step: value}
    return value


def _added(text: str, node: Node, key: str | int, value: Any) -> str:
    """The text with an entry more in this mapping."""
    entry = f"{key}: {flow(value)}"
    if not isinstance(node, MappingNode):
        # What stands there is none, such as an alias: the text stays, and is found not to be right.
        return text
    if node.flow_style or not node.value:
        brace = node.end_mark.index - 1
        inside = f", {entry}" if node.value else entry
        return text[: len(text[:brace].rstrip())] + inside + text[brace:]
    return _line_added(text, node, entry)


def _line_added(text: str, node: MappingNode, entry: str) -> str:
    """Behind the last entry that is on one line; before the first, where none is."""
    newline = "\r\n" if "\r\n" in text else "\n"
    first = node.value[0][0].start_mark
    line = f"{' ' * first.column}{entry}{newline}"
    on_one = [value for key, value in node.value if value.end_mark.line == key.start_mark.line]
    if not on_one:
        begin = text.rfind("\n", 0, first.index) + 1
        return text[:begin] + line + text[begin:]
    end = text.find("\n", on_one[-1].end_mark.index)
    return f"{text}{newline}{line}" if end < 0 else text[: end + 1] + line + text[end + 1 :]


def _is_right(
    text: str, path: Path, name: str, blocks: Mapping[str, Any], before: Pipeline, values: Mapping[str, Any]
) -> bool:
    """Whether the text says what it said, and these settings."""
    from ruamel.yaml.error import YAMLError

    try:
        after = YAML(typ="safe").load(text)["pipelines"]
        others = {str(key): block for key, block in after.items() if str(key) != name}
        pipeline = check_pipeline(path, name, after[name])
    except (YAMLError, TypeError, KeyError, UserError):
        return False
    expected = with_values(before, values).model_copy(update={"tune": before.tune})
    return others == {key: block for key, block in blocks.items() if key != name} and pipeline == expected

"""What messages advise exists: every command in one parses, every setting is one of the schema, every page is there.

Read from the code's own texts, so a new message is looked at as soon as it is written. That an advice helps is for the
tests that follow it: tests/contracts/test_advice_followed.py, and those beside the code.
"""

from __future__ import annotations

import argparse
import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tasks.command import cli
from tasks.params.pipeline import json_schema
from tasks.params.renamed import REMOVED, RENAMED, REPLACED
from tasks.paths import STAGES
from tests.projects import REPOSITORY

HOLE = "NAME"
"""Stands for what a message fills in."""

COMMAND = re.compile(r"`((?:modelwright|dvc|make) [^`]+)`")
SETTING = re.compile(rf"(?<![\w./])(?:{'|'.join(STAGES)})\.[a-zA-Z_][\w.]*\w")
PAGE = re.compile(r"docs/[\w/-]+\.md(?:#[\w-]+)?")

NO_SETTINGS = re.compile(r"\.(?:json|py|md|csv|png|html|parquet|run|fit)$")
"""Files and functions that are called like a stage."""

EARLIER = {**RENAMED, **REMOVED, **REPLACED}
"""Settings that are gone, and are named only to say so."""


@cache
def texts() -> list[tuple[str, str]]:
    """Place and text of every string in the code that is no docstring."""
    files = [file for folder in ("tasks", "flows") for file in sorted((REPOSITORY / folder).rglob("*.py"))]
    return [(f"{file.relative_to(REPOSITORY)}:{line}", text) for file in files for line, text in strings(file)]


def strings(file: Path) -> Iterator[tuple[int, str]]:
    seen: set[int] = set()
    # What stands around a text comes before it.
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(filled(value) for value in node.values)
            seen.update(map(id, ast.walk(node)))
        elif isinstance(node, ast.Expr):
            seen.add(id(node.value))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in seen:
            yield node.lineno, node.value


def filled(value: ast.expr) -> str:
    return str(value.value) if isinstance(value, ast.Constant) else HOLE


def matches(pattern: re.Pattern[str]) -> list[tuple[str, str]]:
    return sorted({(place, match) for place, text in texts() for match in pattern.findall(text)})


@pytest.mark.parametrize(("place", "line"), matches(COMMAND))
def test_every_command_parses(place: str, line: str) -> None:
    program, *arguments = shlex.split(line)
    match program:
        case "modelwright":
            # A name alone is a mention: `modelwright init` needs more to be given.
            assert (len(arguments) == 1 and arguments[0] in cli._COMMANDS) or modelwright_parses(arguments), line
        case "dvc":
            from dvc.cli import parse_args

            parse_args(arguments)
        case _:
            targets = re.findall(r"^(\S+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
            assert set(arguments) <= set(targets)


def modelwright_parses(arguments: list[str]) -> bool:
    if arguments[1:] == ["--help"]:
        return arguments[0] in cli._COMMANDS
    options = cli._parser().parse_args(arguments)
    assert isinstance(options, argparse.Namespace)
    stages = {getattr(options, name, None) for name in ("first", "last")} - {None, HOLE}
    return stages <= set(STAGES)


@pytest.mark.parametrize(
    ("place", "setting"),
    [(place, name) for place, name in matches(SETTING) if not (NO_SETTINGS.search(name) or name in EARLIER)],
)
def test_every_setting_is_one_of_the_schema(place: str, setting: str) -> None:
    schema = json_schema()
    nodes = [schema["$defs"]["Pipeline"]]
    for key in setting.split("."):
        nodes = [child for node in nodes for child in children(schema, node, key)]
        assert nodes, f"{place}: {setting}: no {key}"


def children(schema: dict[str, Any], node: dict[str, Any], key: str) -> Iterator[dict[str, Any]]:
    """What the key may hold, in every variant of the node; a hole, and a word in capitals, is any key."""
    for variant in variants(schema, node):
        properties = variant.get("properties", {})
        if key in properties:
            yield properties[key]
        elif key.isupper() and properties:
            yield from properties.values()
        if isinstance(variant.get("additionalProperties"), dict):
            yield variant["additionalProperties"]
        if variant.get("additionalProperties") is True:
            yield {}


def variants(schema: dict[str, Any], node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "$ref" in node:
        yield from variants(schema, schema["$defs"][node["$ref"].rpartition("/")[2]])
        return
    yield node
    for inner in (*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())):
        yield from variants(schema, inner)


@pytest.mark.parametrize(("place", "page"), matches(PAGE))
def test_every_page_is_there_with_its_heading(place: str, page: str) -> None:
    file, _, anchor = page.partition("#")
    text = (REPOSITORY / file).read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    assert not anchor or anchor in headings, place


def test_the_patterns_see_what_they_are_to_see() -> None:
    assert {"modelwright run NAME --from train --force"} <= {line for _, line in matches(COMMAND)}
    assert {"clean.max_quarantined", "ingest.columns.NAME.type"} <= {name for _, name in matches(SETTING)}
    assert len(matches(COMMAND)) > 30
    assert len(matches(SETTING)) > 100
    with pytest.raises(SystemExit):
        modelwright_parses(["run", "p", "--form", "train"])
    assert not modelwright_parses(["run", "p", "--from", "trian"])
    with pytest.raises(AssertionError, match="no lerning_rate"):
        test_every_setting_is_one_of_the_schema("here", "train.lerning_rate")

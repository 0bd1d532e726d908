"""One concept, one home, one name; and files and functions that can be read in one go."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path
from statistics import median, quantiles

from tests.projects import REPOSITORY

MOST_LINES_OF_A_FILE = 300
MOST_LINES_OF_A_FUNCTION = 50


@cache
def modules() -> dict[Path, ast.Module]:
    """Every module of the project, parsed."""
    files = [file for package in ("tasks", "flows") for file in (REPOSITORY / package).rglob("*.py")]
    return {file.relative_to(REPOSITORY): ast.parse(file.read_text(encoding="utf-8")) for file in files}


def function_lines() -> dict[str, int]:
    """How long each function is, with its docstring; a comment costs nothing, as a reason must not be left out."""
    return {
        f"{file}:{node.name}": sum(not line.lstrip().startswith("#") for line in _lines(file, node))
        for file, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def _lines(file: Path, node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    return (REPOSITORY / file).read_text(encoding="utf-8").splitlines()[node.lineno - 1 : node.end_lineno]


FILLERS = {"found", "seen", "said", "told", "gone", "stays"}


def test_variables_are_named_for_what_they_hold() -> None:
    fillers = [
        f"{file}:{node.lineno}: {name}"
        for file, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.arg)
        for name in [node.id if isinstance(node, ast.Name) else node.arg]
        if FILLERS & set(name.split("_"))
    ]
    assert fillers == [], "how a thing came to be known is no name for it"


def test_a_class_name_stands_in_one_module() -> None:
    homes: defaultdict[str, set[str]] = defaultdict(set)
    for file, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                homes[node.name.lstrip("_")].add(str(file))
    twice = {name: sorted(files) for name, files in homes.items() if len(files) > 1}
    assert twice == {}, "the same idea is one class; another idea has another name"


def test_files_are_short() -> None:
    lines = {str(file): (REPOSITORY / file).read_text(encoding="utf-8").count("\n") for file in modules()}
    assert {file: count for file, count in lines.items() if count > MOST_LINES_OF_A_FILE} == {}


def test_functions_are_short() -> None:
    lines = function_lines()
    assert median(lines.values()) <= 6
    assert quantiles(lines.values(), n=10)[-1] < 20
    assert {name: count for name, count in lines.items() if count > MOST_LINES_OF_A_FUNCTION} == {}

"""What imports what in the project: the statements, and the modules that a registry names by text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import grimp

from tests.projects import REPOSITORY

NAMED = re.compile(r"(tasks(?:\.\w+)+):\w+")
"""A class as a registry names it, `tasks.trainers.torch:TorchTrainer`, to import its module when it is asked for."""


def import_graph(*packages: str) -> grimp.ImportGraph:
    """Imports inside functions are in it, and a name by text counts as an import of the module that holds it."""
    # Without its cache, which kept the imports of files that had changed within a second.
    graph = grimp.build_graph(*packages, cache_dir=None)
    for importer in sorted(graph.modules):
        for imported in named_modules(importer):
            assert imported in graph.modules, f"{importer} names {imported}, and there is no such module"
            graph.add_import(importer=importer, imported=imported)
    return graph


def named_modules(module: str) -> Iterator[str]:
    """The modules that a module names by text."""
    place = REPOSITORY.joinpath(*module.split("."))
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and (named := NAMED.fullmatch(node.value)):
            yield named[1]

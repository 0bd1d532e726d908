"""The user's own code, of which normalize is made where `features_from` names its file.

As the stage `code` does for the tool's code, `python -P -m tasks own_code P` writes what the file means, and normalize
depends on that. In dvc.yaml no dependency can be missing for some pipelines, nor be read from params.yaml where it may
be missing: so the files are dependencies of `own_code` for all pipelines, and whoever runs it writes their names down.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tasks import files
from tasks.errors import UserError
from tasks.memo.code import Code, source_of
from tasks.params.features import file_of
from tasks.paths import Paths, Project

STAGE = "own_code"
"""The DVC stage that comes before the nine, for each pipeline."""

_TOOLS = ".modelwright/"
"""What the dependencies begin with that are none of the user's files."""

_DEPS = re.compile(rf"^  {STAGE}:.*\n(?:    .*\n)*?      deps:\n(?P<deps>(?:        - .*\n)+)", re.MULTILINE)
"""The stage's dependencies, as the tool writes them."""

_PLAIN = re.compile(r"[\w./-]+")


class CodeLists:
    """The lists of code that a pipeline's stages depend on, as they would be written now."""

    def __init__(self, code: Code, paths: Paths, blocks: Mapping[str, Any]) -> None:
        self._code = code
        self._paths = paths
        self._own_file = own_file(blocks, paths.pipeline)

    def has(self, path: str) -> bool:
        """Whether this dependency is a list of code."""
        return path == self._paths.relative(self._paths.own_code) or source_of(path) is not None

    def digests(self, path: str) -> str:
        """The list's content."""
        source = source_of(path)
        return self._code.digests(source) if source else self._code.digests_of_own(self._own_file)

    def write_own(self) -> None:
        """Writes the list of the user's own code, whatever lies in its place."""
        place = self._paths.own_code
        if place.is_dir():
            files.remove(place)
        if not place.parent.is_dir():
            files.remove(place.parent)
        files.write_text(place, self._code.digests_of_own(self._own_file))


def own_file(blocks: Mapping[str, Any], pipeline: str) -> str | None:
    """The file that the pipeline's block names, as it should be named; None where it names none."""
    match blocks.get(pipeline):
        case {"normalize": {"features_from": str(reference)}}:
            return file_of(reference)
    return None


def list_own_files(project: Project, blocks: Mapping[str, Any]) -> bool:
    """Writes into dvc.yaml which files the blocks name, those that are there; says whether it had to.

    One that is missing is for a run of its own pipeline to tell: with it, DVC would run none of the others either.
    Raises UserError when somebody has written the stage in another way.
    """
    text = project.stages.read_text(encoding="utf-8")
    named = {file for name in blocks if (file := own_file(blocks, name)) and (project.root / file).is_file()}
    if named == own_files(text):
        return False
    if not _DEPS.search(text):
        raise UserError(
            f"{project.stages}: the stage {STAGE} is not written as the tool writes it, so nothing is written there; "
            f"put {', '.join(sorted(named)) or 'no file'} into its deps, below {_TOOLS}code/tasks/memo/code.py"
        )
    files.write_text(project.stages, with_files(text, named))
    return True


def own_files(dvc_yaml: str) -> set[str]:
    """The user's files that the stage depends on."""
    try:
        content = YAML(typ="safe").load(StringIO(dvc_yaml))
    except YAMLError:
        return set()
    match content:
        case {"stages": {"own_code": {"do": {"deps": list(deps)}}}}:
            return {str(path) for path in deps if not str(path).startswith(_TOOLS)}
    return set()


def with_files(dvc_yaml: str, named: Collection[str]) -> str:
    """The text with these files as dependencies of the stage, and no others of the user's; sorted, as every run must
    write the same."""
    place = _DEPS.search(dvc_yaml)
    if not place:
        return dvc_yaml
    kept = [line for line in place["deps"].splitlines(keepends=True) if line.strip(' -"').startswith(_TOOLS)]
    lines = "".join([*kept, *_lines(named)])
    return f"{dvc_yaml[: place.start('deps')]}{lines}{dvc_yaml[place.end('deps') :]}"


def _lines(named: Iterable[str]) -> list[str]:
    # In quotes where YAML takes something in the name for its own.
    return [f"        - {file if _PLAIN.fullmatch(file) else json.dumps(file)}\n" for file in sorted(named)]

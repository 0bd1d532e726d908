"""What stands for code in the memo: its meaning, without comments, docstrings, layout and places.

The DVC stage `code` (`python -P -m tasks code`) writes for each file or folder of code that a stage is made of a list
of its files, each with the digest of what it means. The stages depend on these lists, and not on the source, which lies
in the project itself or where the tool is installed.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tasks import files
from tasks.errors import UserError
from tasks.files import TIME_STEP, FileState, state_of
from tasks.memo.snapshot import Entries, take
from tasks.params.file import read_yaml
from tasks.paths import CODE_DIGESTS, Project

CODE = "code"
"""The DVC stage that comes before the nine."""

_FORMAT = "1"
"""Of `meaning`. Another one makes the meanings that are kept void."""


class Code:
    """The code that runs, as it stands now, each file parsed once: what its bytes mean is kept for the next run."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._root = project.code
        self._meanings = project.downloads.with_name("meanings.json")
        self._kept = _kept(self._meanings)
        self._used: dict[str, str] = {}
        self._read: dict[str, tuple[FileState, str]] = {}
        self._errors: list[str] = []

    def digests(self, source: str) -> str:
        """A line for each file of the source, sorted: the SHA-256 of what it means, and its path."""
        root = f"{self._root}/"
        paths = sorted(file.removeprefix(root) for file in _files_of(f"{root}{source}"))
        return "".join(f"{self._meaning(f'{root}{path}')}  {path}\n" for path in paths)

    def digests_of_own(self, file: str | None) -> str:
        """The same of a file of the user's own, by its path in the project."""
        path = self._project.root / file if file else None
        # Of an empty list DVC would warn in every run.
        return f"{self._meaning(str(path))}  {file}\n" if path and path.is_file() else "none\n"

    def write(self) -> None:
        """Writes the lists of all code that stages are made of. Raises UserError when it is edited meanwhile."""
        sources = sources_in(read_yaml(self._project.stages))
        before = self._state(sources)
        with files.aside(self._project.root / CODE_DIGESTS) as draft:
            for source in sources:
                (draft / source).parent.mkdir(parents=True, exist_ok=True)
                (draft / source).write_text(self.digests(source), encoding="utf-8", newline="\n")
            self.check()
        if self._state(sources) != before:
            raise UserError("code was edited while it was read; run again")
        if self._used != self._kept:
            files.write_json(self._meanings, self._used)

    def installed(self, source: str) -> Path | None:
        """Where the source lies, if that is outside of the project."""
        return None if self._project.is_repository else self._root / source

    def _state(self, sources: Iterable[str]) -> Entries:
        return take(self._root, [file for source in sources for file in _files_of(str(self._root / source))])

    def _meaning(self, file: str) -> str:
        """Of a file that stands as it stood, what it meant then: all code is asked for after each stage."""
        state, now = state_of(file), time.time_ns()
        before, digest = self._read.get(file, (None, ""))
        if before and before == state:
            return digest
        digest = self._meaning_now(Path(file))
        if state and max(state[1:3]) < now - TIME_STEP:
            self._read[file] = state, digest
        return digest

    def _meaning_now(self, file: Path) -> str:
        content = file.read_bytes()
        key = hashlib.sha256(f"{_FORMAT} {file.suffix} ".encode() + content).hexdigest()
        if key not in self._used:
            try:
                self._used[key] = self._kept.get(key) or _digest(file.suffix, content)
            except (SyntaxError, ValueError, RecursionError) as error:
                where = f", line {error.lineno}: {error.msg}" if isinstance(error, SyntaxError) else f": {error}"
                self._errors.append(f"{file}{where}")
                return hashlib.sha256(content).hexdigest()
        return self._used[key]

    def check(self) -> None:
        """Raises UserError for a file, of those asked for, that cannot be parsed; before any stage runs, and not after
        one that may have taken days, while somebody edits."""
        if self._errors:
            raise UserError(f"{self._errors[0]}; mend it, and run again: no stage was begun, and all outputs are kept")


def source_of(path: str) -> str | None:
    """The file or folder of code for which this dependency of a stage stands; None when it stands for itself."""
    return path.removeprefix(f"{CODE_DIGESTS}/") if path.startswith(f"{CODE_DIGESTS}/") else None


def sources_of(entry: Mapping[str, Any]) -> list[str]:
    """The files and folders of code that a stage of dvc.yaml is made of."""
    paths = [str(path) for path in entry.get("do", entry).get("deps", ())]
    return [source for path in paths if (source := source_of(path))]


def sources_in(content: Mapping[str, Any]) -> list[str]:
    """The files and folders of code that any stage in the content of dvc.yaml is made of, sorted."""
    return sorted({source for entry in content["stages"].values() for source in sources_of(entry)})


def meaning(source: bytes) -> str:
    """What Python takes the source for. Raises SyntaxError or ValueError when it takes it for nothing.

    The docstrings stay in a file that speaks of `__doc__`: there they may be read.
    """
    tree = ast.parse(source)
    if b"__doc__" not in source:
        for node in ast.walk(tree):
            for body in (getattr(node, "body", None), getattr(node, "orelse", None), getattr(node, "finalbody", None)):
                if isinstance(body, list):
                    # A text that stands alone does nothing, wherever it stands: those below a field are no docstrings.
                    body[:] = [statement for statement in body if not _is_text(statement)]
    return _as_text(tree)


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _as_text(node: Any) -> str:
    """As `ast.dump`, but the same in every version of Python: fields that are empty, or that a version lacks, are left
    out, and characters that not every version can print are escaped."""
    if isinstance(node, ast.AST):
        fields = [(name, getattr(node, name, None)) for name in node._fields if name not in ("kind", "type_comment")]
        inner = " ".join(f"{name}={_as_text(value)}" for name, value in fields if value is not None and value != [])
        return f"{type(node).__name__}({inner})"
    if isinstance(node, list):
        return f"[{' '.join(map(_as_text, node))}]"
    return ascii(node)


def _digest(suffix: str, content: bytes) -> str:
    """SHA-256 of what a file of Python means, and of the bytes of any other."""
    if suffix == ".py":
        content = meaning(content).encode()
    return hashlib.sha256(content).hexdigest()


def _files_of(source: str) -> Iterator[str]:
    """The file itself, or those below the folder."""
    # In text: this is asked after each stage, and Paths take longer than the question.
    if os.path.isfile(source):  # noqa: PTH113
        yield source
    elif os.path.isdir(source):  # noqa: PTH112
        with os.scandir(source) as listing:
            entries = [entry for entry in listing if not _is_left(entry.name)]
        for entry in entries:
            # What is a link may lead anywhere, back to itself as well.
            if entry.is_file(follow_symlinks=False):
                yield entry.path
            else:
                yield from _files_of(entry.path)


def _is_left(name: str) -> bool:
    """As in .dvcignore: what Python and editors leave beside code. An editor's lock may be a link to nothing."""
    is_of_editor = name.startswith(".") or name.endswith("~") or (name.startswith("#") and name.endswith("#"))
    return is_of_editor or name == "__pycache__" or name.endswith(".pyc")


def _kept(path: Path) -> Mapping[str, str]:
    """Meanings by the digests of bytes, as `Code.write` keeps them; none when the file is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (OSError, ValueError, RecursionError):
        return {}
    is_whole = isinstance(content, dict) and all(isinstance(digest, str) for digest in content.values())
    return content if is_whole else {}

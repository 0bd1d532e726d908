"""`modelwright new FOLDER`: a project of one's own, made aside and put in its place at once."""

from __future__ import annotations

import errno
import json
import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tasks import files
from tasks.errors import UserError
from tasks.memo.code import Code
from tasks.memo.code_record import CodeRecord, present_record
from tasks.paths import Project
from tasks.tracking.store import local_database

_TEMPLATE = Path(__file__).with_name("template")

_FILES = {
    ".dvc/.gitignore": "dvc_gitignore",
    ".dvc/config": "dvc_config",
    ".dvcignore": "dvcignore",
    ".github/workflows/pipelines.yml": "pipelines.yml",
    ".gitignore": "gitignore",
    "README.md": "README.md",
    "dvc.yaml": "dvc.yaml",
    "mlflow/README.md": "mlflow.md",
    "params.yaml": "params.yaml",
    "prefect.toml": "prefect.toml",
    "prefect.yaml": "prefect.yaml",
}
"""The files of a new project, each with the one that it is a copy of: names that no tool takes for its own."""

_TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)
_FIXED = (errno.EBUSY, errno.EXDEV)
"""What the system says of a folder that a file system is mounted on."""


@dataclass(frozen=True, kw_only=True)
class NewProject:
    """A project that was made; `repository` is the git repository of which it is a part, if that was there before."""

    project: Project
    repository: Path | None


def new_project(folder: Path) -> NewProject:
    """Makes the project. Raises UserError, and has touched nothing, unless the folder is missing or empty."""
    target = folder.resolve()
    _check_is_free(target, folder)
    local_database(Project(root=target))  # refuses a path in which MLflow would find no model
    repository = _repository_above(target)
    try:
        with files.scratch(target) as draft:
            _fill(Project(root=draft))
            if repository is None:
                _git(draft, "init", "--quiet")
            # In place of an empty folder, at once; one that somebody has put something in meanwhile stays as it is.
            draft.replace(target)
    except OSError as error:
        if error.errno in _TAKEN:
            raise UserError(_not_empty(folder)) from error
        if error.errno in _FIXED:
            raise UserError(f"{folder}: cannot be replaced, as it is mounted; {_within(folder)}") from error
        raise
    return NewProject(project=Project(root=target), repository=repository)


def dvc_yaml() -> str:
    """The dvc.yaml that this version of the tool writes."""
    return (_TEMPLATE / "dvc.yaml").read_text(encoding="utf-8")


def record_of(project: Project, code: Code | None = None) -> CodeRecord:
    """What code.json has to say in the project, with this version of the tool."""
    return present_record(code or Code(project), dvc_yaml(), YAML(typ="safe").load(dvc_yaml())["stages"])


def schema() -> dict[str, Any]:
    """What editors check params.yaml by."""
    from tasks.params.pipeline import json_schema

    return json_schema()


def _fill(project: Project) -> None:
    for name, template in _FILES.items():
        files.write_text(project.root / name, (_TEMPLATE / template).read_text(encoding="utf-8"))
    files.write_text(project.root / "expectations" / ".gitkeep", "")
    files.write_text(project.schema, json.dumps(schema(), indent=2) + "\n")
    files.write_json(project.code_record, record_of(project).as_json())


def _check_is_free(target: Path, folder: Path) -> None:
    if target == Path.cwd() or target in Path.cwd().parents:
        raise UserError(
            f"{folder}: you are in it, and it would be replaced under your feet; "
            f"`cd {shlex.quote(str(target.parent))}`, then `modelwright new {shlex.quote(target.name)}`, "
            "which takes an empty folder"
        )
    if folder.is_symlink():
        raise UserError(f"{folder}: a link to {target}; give that folder itself, or another name")
    if target.exists() and not target.is_dir():
        raise UserError(f"{folder}: a file of that name is there; give another name")
    if target.is_dir() and any(target.iterdir()):
        raise UserError(_not_empty(folder))


def _not_empty(folder: Path) -> str:
    return f"{folder}: not empty, and nothing in it is touched; {_within(folder)}"


def _within(folder: Path) -> str:
    return f"give another one, or one within it: `modelwright new {folder / 'project'}`"


def _repository_above(target: Path) -> Path | None:
    """The git repository in which the folder lies."""
    there = next(parent for parent in target.parents if parent.is_dir())
    done = _git(there, "rev-parse", "--show-toplevel", check=False)
    if done.returncode and "not a git repository" not in done.stderr:
        raise UserError(f"git: {done.stderr.strip()}")
    return None if done.returncode else Path(done.stdout.rstrip("\n"))


def _git(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    # Its messages in English, and not of the repository that a hook has named: the folder's own counts.
    kept = {name: value for name, value in os.environ.items() if name not in ("GIT_DIR", "GIT_WORK_TREE")}
    environment = {**kept, "LC_ALL": "C"}
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    except FileNotFoundError:
        raise UserError("git is not installed, and DVC needs it; install git") from None
    if check and done.returncode:
        raise UserError(f"git {arguments[0]}: {done.stderr.strip()}")
    return done

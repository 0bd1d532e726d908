"""Small projects of the real kind, for tests: the repository's own code, a real DVC repository, a real MLflow store."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
from compileall import compile_dir
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import polars as pl
from ruamel.yaml import YAML

from tasks import files
from tasks.paths import Project
from tasks.tracking.uri import VARIABLE

REPOSITORY = Path(__file__).parents[1]
CODE = ("tasks", "flows")

TINY = """\
pipelines:
  scans: # images, PyTorch
    ingest: {source: {kind: builtin, name: digits}, target: digit, rows_per_part: 700}
    validate: {}
    clean: {}
    split: {folds: 2}
    normalize: {}
    augment: {image: {rotate: 5, shift: 0.05}}
    train: {kind: torch, network: {kind: cnn, channels: [8], hidden: 16}, epochs: 2, learning_rate: 0.01}
    evaluate: {}
    register: {metric: accuracy, gate: {accuracy: {min: 0.1}}}
  masses: # numbers, LightGBM
    ingest: {source: {kind: builtin, name: breast_cancer}, target: diagnosis}
    validate: {}
    clean: {}
    split: {}
    normalize: {}
    augment: {}
    train: {kind: lightgbm, num_iterations: 20, num_leaves: 7}
    evaluate: {positive: malignant}
    register: {metric: roc_auc, gate: {roc_auc: {min: 0.8}}}
  notes: # a file with text, numbers and categories, scikit-learn
    ingest:
      source: {kind: table, path: notes.csv}
      target: kind
      columns: {note: {type: text}}
    validate: {}
    clean: {}
    split: {}
    normalize: {text: {min_documents: 1}}
    augment: {}
    train: {kind: sklearn, estimator: {kind: logistic_regression}}
    evaluate: {}
    register: {metric: f1, gate: {accuracy: {min: 0.5}}}
"""


def make_project(root: Path, params: str = TINY, store: Path | None = None) -> Project:
    """A project in `root` with the repository's code and the tiny pipelines; `store` is a tracking store to copy."""
    for name in CODE:
        shutil.copytree(_compiled() / name, root / name)
    for name in ("dvc.yaml", ".dvcignore", ".gitignore", "prefect.yaml", "prefect.toml"):
        shutil.copyfile(REPOSITORY / name, root / name)
    (root / ".dvc").mkdir()
    for name in ("config", ".gitignore"):
        shutil.copyfile(REPOSITORY / ".dvc" / name, root / ".dvc" / name)
    (root / "params.yaml").write_text(params)
    write_notes(root / "notes.csv")
    if store is not None:
        shutil.copytree(store, root / "mlflow")
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    project = Project(root=root)
    _write_suites(project, params)
    files.write_bytes(_meanings_of(project), _meanings())
    return project


@cache
def _compiled() -> Path:
    """The repository's code as Python compiles it: each process that a test starts would do so again."""
    folder = Path(mkdtemp())
    atexit.register(shutil.rmtree, folder)
    for name in CODE:
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        compile_dir(folder / name, quiet=2)
    return folder


def make_own_project(root: Path, params: str = TINY, store: Path | None = None) -> Project:
    """A project in `root` as `modelwright new` makes it, without the tool's code, with the tiny pipelines."""
    shutil.copytree(_new_project(), root, dirs_exist_ok=True)
    project = Project(root=root)
    project.params.write_text(params)
    write_notes(root / "notes.csv")
    if store is not None:
        shutil.copytree(store, root / "mlflow", dirs_exist_ok=True)
    _write_suites(project, params)
    files.write_bytes(_meanings_of(project), _meanings())
    return project


@cache
def _new_project() -> Path:
    """One that `modelwright new` has made: reading the tool's code for its record takes a second."""
    from tasks.scaffold.new_project import new_project

    folder = Path(mkdtemp())
    atexit.register(shutil.rmtree, folder)
    return new_project(folder / "new").project.root


def draft_suites(project: Project) -> None:
    """The suites that `modelwright add` would have drafted of the sources as they are now."""
    for name, suite in _suites(project).items():
        files.write_json(project.pipeline(name).suite, suite)


def _write_suites(project: Project, params: str) -> None:
    for name, suite in (_tiny_suites() if params == TINY else _suites(project)).items():
        files.write_json(project.pipeline(name).suite, suite)


@cache
def _tiny_suites() -> dict[str, Any]:
    """Those of the tiny pipelines, which are the same in every project: drafting them reads all rows."""
    with TemporaryDirectory() as folder:
        project = Project(root=Path(folder))
        project.params.write_text(TINY)
        write_notes(project.root / "notes.csv")
        return _suites(project)


def _suites(project: Project) -> dict[str, Any]:
    from tasks.drafting.suite import suite_of_source
    from tasks.params.file import load_params

    return {
        name: suite_of_source(project, name, pipeline.ingest)
        for name, pipeline in load_params(project.params).pipelines.items()
        if pipeline.ingest.source.kind == "builtin" or (project.root / pipeline.ingest.source.path).exists()
    }


@cache
def _meanings() -> bytes:
    """What the repository's code means, as an earlier run leaves it: reading it all takes longer than most stages."""
    from tasks.memo.code import Code

    with TemporaryDirectory() as folder:
        project = Project(root=Path(folder))
        shutil.copyfile(REPOSITORY / "dvc.yaml", project.stages)
        (project.root / "tasks").symlink_to(REPOSITORY / "tasks")
        Code(project).write()
        return _meanings_of(project).read_bytes()


def _meanings_of(project: Project) -> Path:
    return project.downloads.with_name("meanings.json")


def lock_entries(root: Path) -> dict[str, Any]:
    """What dvc.lock says of each stage.

    Not its bytes: of stages that do not wait for each other, `dvc repro` takes in a project of several pipelines now
    this and now that first, and new entries stand in that order.
    """
    entries: dict[str, Any] = YAML(typ="safe").load(root / "dvc.lock")["stages"]
    return entries


def write_notes(path: Path, num_rows: int = 240) -> None:
    """A table that can be learnt: the note's words, the size and the colour all tell the kind; some cells are empty."""
    kinds = ["order", "complaint"]
    rows = {
        "note": [f"{'please send' if n % 2 == 0 else 'it is broken'} item {n % 17} now {n}" for n in range(num_rows)],
        "size": [None if n % 29 == 0 else n % 7 + 10 * (n % 2) for n in range(num_rows)],
        "colour": [None if n % 31 == 0 else ("red", "blue", "green")[n % 3] for n in range(num_rows)],
        "kind": [kinds[n % 2] for n in range(num_rows)],
    }
    pl.DataFrame(rows).write_csv(path)


def environment(root: Path, **more: str) -> dict[str, str]:
    """The environment of a user in `root`: the tests' own interpreter first on the path, nothing of the repository.

    It names the server of a project that has one in place of a file.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "PREFECT_", "DVC_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # Of a project of one's own, the tool is the one that the tests are run with.
    code = Project(root=root).code
    registry = _registry(root)
    return {**kept, "PATH": path, "PREFECT_HOME": str(root / ".prefect"), "PYTHONPATH": str(code), **registry, **more}


def _registry(root: Path) -> dict[str, str]:
    from tests.registry_servers import server_of  # which starts its servers in such an environment

    server = server_of(root) if (root / "params.yaml").exists() else None
    return {} if server is None else {VARIABLE: server.address}


def command(root: Path, *arguments: str, check: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
    """One command as a user would give it in `root`."""
    env = environment(root, **more)
    done = subprocess.run(arguments, cwd=root, env=env, capture_output=True, text=True, timeout=280)
    assert not check or done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return done


def modelwright(root: Path, *arguments: str, check: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
    """`modelwright ARGUMENTS` in `root`."""
    return command(root, sys.executable, "-m", "tasks.command.cli", *arguments, check=check, **more)


def files_below(*folders: Path) -> dict[str, bytes]:
    """Every file below the folders, by its path from the first folder's parent."""
    base = folders[0].parent
    return {
        file.relative_to(base).as_posix(): file.read_bytes()
        for folder in folders
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }

"""dvc.yaml says of each stage exactly what it reads, what it writes, and which code it is made of."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest
from ruamel.yaml import YAML

from tasks.memo.code import CODE, source_of
from tasks.params.file import load_pipeline
from tasks.params.pipeline import Pipeline
from tasks.paths import CODE_DIGESTS, STAGES, Project
from tasks.promotion.passport import BESIDE_STAGES
from tests.imports import import_graph
from tests.opened import watched
from tests.projects import REPOSITORY

FOLDERS = ("data", "models", "reports", "expectations")

PLUMBING = {
    f"tasks.{name}"
    for name in (
        "addresses",
        "digests",
        "energy",
        "environment",
        "errors",
        "files",
        "measures",
        "parallel",
        "params",
        "pages",
        "paths",
        "reports",
        "root",
        "tracking",
        "wording",
    )
}
"""Modules whose change does not change what a stage makes: they move bytes, and check what is asked."""


def declared(stage: str, pipeline: str) -> tuple[set[str], set[str]]:
    """The dependencies and the outputs of a stage, as paths from the root."""
    content = YAML(typ="safe").load((REPOSITORY / "dvc.yaml").read_text())["stages"][stage]["do"]
    outs = [out for kind in ("outs", "metrics", "plots") for out in content.get(kind, [])]
    names = [next(iter(entry)) if isinstance(entry, dict) else entry for entry in [*content["deps"], "|", *outs]]
    paths = [name.replace("${key}", pipeline) for name in names]
    return set(paths[: paths.index("|")]), set(paths[paths.index("|") + 1 :])


def files(root: Path) -> dict[str, tuple[int, int]]:
    """Every file of the watched folders with what changes when it is written anew."""
    found = [file for folder in FOLDERS for file in (root / folder).rglob("*") if file.is_file()]
    return {file.relative_to(root).as_posix(): (file.stat().st_ino, file.stat().st_mtime_ns) for file in found}


def covered_by(names: set[str], paths: set[str]) -> set[str]:
    """The declared paths that these files are, or lie in; a file outside all of them stands for itself."""
    return {next((path for path in paths if name == path or name.startswith(f"{path}/")), name) for name in names}


@pytest.fixture(scope="module")
def copied(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The finished project once more, to run stages in without the memo."""
    root = tmp_path_factory.mktemp("watched") / "project"
    shutil.copytree(finished.root, root, ignore=shutil.ignore_patterns("cache", "tmp", "mlflow"))
    return Project(root=root)


@pytest.mark.chain
@pytest.mark.parametrize("pipeline", ["scans", "masses", "notes"])
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_opens_and_writes_what_is_declared(
    copied: Project, empty_store: Path, stage: str, pipeline: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An empty store for each stage: register has to deliver the training, and reads all that this takes.
    shutil.copyfile(empty_store / "mlflow.db", tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    deps, outs = declared(stage, pipeline)
    data_deps = {dep for dep in deps if dep.split("/")[0] in FOLDERS}
    before = files(copied.root)
    with watched(*(copied.root / folder for folder in FOLDERS)) as opened:
        config = load_pipeline(copied.params, pipeline).stage(stage)
        importlib.import_module(f"tasks.{stage}").run(config, copied.pipeline(pipeline))
    after = files(copied.root)
    written = {name for name in after if after[name] != before.get(name)}
    read = {path.relative_to(copied.root).as_posix() for path in opened} & before.keys()
    read = {name for name in covered_by(read, data_deps | outs) if name not in outs}

    assert covered_by(written, outs) == outs
    assert not before.keys() - after.keys()
    if pipeline == "scans":  # the one with images, where all there is to read is read
        # Raw training rows are read for copies of text and sounds alone, which change before they are encoded.
        raw = {f"data/{pipeline}/clean/train", f"data/{pipeline}/folds/clean"}
        # And rows that a champion answers, where there is one: the store is empty.
        for_champion = {f"data/{pipeline}/split/test", f"data/{pipeline}/predicted"}
        # And what a number's baseline is made of, where time splits.
        of_numbers = {f"data/{pipeline}/clean/validation", f"reports/{pipeline}/split.json"}
        # And the rows on which a threshold between two classes is chosen.
        of_two = {f"data/{pipeline}/normalized/validation"}
        unread = {"augment": raw, "evaluate": of_numbers | of_two, "register": for_champion}.get(stage, set())
        assert read == data_deps - unread
    else:
        assert read <= data_deps


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """What imports what in the project."""
    return import_graph("tasks")


def as_paths(modules: set[str]) -> Iterator[str]:
    """The files of the modules; a package stands for its whole folder."""
    for module in modules:
        parts = module.split(".")
        if module == "tasks" or ".".join(parts[:2]) in PLUMBING:
            continue
        path = REPOSITORY / "tasks" / parts[1]
        yield f"tasks/{parts[1]}" if path.is_dir() else f"tasks/{parts[1]}.py"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_declares_the_code_it_is_made_of(graph: grimp.ImportGraph, stage: str) -> None:
    assert declared_code(stage) == set(as_paths({f"tasks.{stage}", *graph.find_upstream_modules(f"tasks.{stage}")}))


def declared_code(stage: str) -> set[str]:
    deps, _ = declared(stage, "P")
    return {source for dep in deps if (source := source_of(dep))}


def test_what_stands_for_code_is_made_of_all_code_that_a_stage_declares() -> None:
    stage = YAML(typ="safe").load((REPOSITORY / "dvc.yaml").read_text())["stages"][CODE]
    itself = "tasks/memo/code.py"
    assert stage["deps"] == sorted({itself}.union(*map(declared_code, STAGES)))
    assert stage["outs"] == [CODE_DIGESTS]


def test_what_a_registry_names_by_text_counts_as_imported(graph: grimp.ImportGraph) -> None:
    assert graph.direct_import_exists(importer="tasks.trainers", imported="tasks.trainers.torch")
    assert graph.direct_import_exists(importer="tasks.networks", imported="tasks.networks.audio_cnn")
    # Only through that name does it follow that a stage which asks for any trainer is made of the networks, too.
    assert "tasks.networks.audio_cnn" in graph.find_upstream_modules("tasks.register")


def test_register_depends_on_the_parameters_that_its_passport_names_and_on_no_others() -> None:
    declared_params = YAML(typ="safe").load((REPOSITORY / "dvc.yaml").read_text())["stages"]["register"]["do"]["params"]
    blocks = {field.alias or name for name, field in Pipeline.model_fields.items()}
    assert declared_params == [f"pipelines.${{key}}.{stage}" for stage in STAGES]
    assert blocks - BESIDE_STAGES == set(STAGES)

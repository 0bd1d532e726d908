"""Whatever is edited while a run is at work belongs to the next run, and no file says otherwise."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks import files
from tasks.errors import UserError
from tasks.memo.chain import StageResult, StageRunner, run_plain
from tasks.memo.one_set import recorded_parameters
from tasks.params.file import load_pipeline, pipelines_in
from tasks.paths import STAGES, Project
from tasks.tracking.runs import flat_params
from tasks.tracking.store import connect

pytestmark = pytest.mark.chain

MASSES = "split: {}\n    normalize: {}\n    augment: {}\n    train: {kind: lightgbm, num_iterations: 20"

EDITS = [
    ("columns: {note: {type: text}}\n    validate: {}", "columns: {note: {type: text}, size: {type: number}}\n{v}"),
    ("{v}\n    clean: {}", "    validate: {max_quarantined: 0.5}\n    clean: {max_quarantined: 0.6}"),
    ("split: {}\n    normalize: {text", "split: {seed: 7}\n    normalize: {text"),
    ("min_documents: 1", "min_documents: 2"),
    ("{kind: logistic_regression}", "{kind: logistic_regression, C: 0.5}"),
    ("metric: f1", "metric: accuracy"),
]
"""A change of nearly every section of `notes`."""


def edit(root: Path) -> None:
    """Every file that no stage makes, by hand and in an editor's way: params.yaml, suite, source and all code."""
    params = root / "params.yaml"
    text = params.read_text()
    for before, after in EDITS:
        text = text.replace(before, after)
    params.write_text(text)
    suite = json.loads((root / "expectations" / "notes.json").read_text())
    suite["name"] = f"{suite.get('name')}+"
    (root / "expectations" / "notes.json").write_text(json.dumps(suite))
    for file in (root / "notes.csv", *(root / "tasks").rglob("*.py")):
        with file.open("a") as opened:
            opened.write("please send item 3 now 3,3,red,order\n" if file.suffix == ".csv" else "EDITED = 1\n")


def meanwhile(monkeypatch: pytest.MonkeyPatch, stage: str, change: Callable[[], object]) -> None:
    """Has somebody edit when the stage has begun, and once more before it ends."""
    module = importlib.import_module(f"tasks.{stage}")
    # The chain hands ingest the source that it has asked for news.
    name = "take_in" if stage == "ingest" else "run"
    run = getattr(module, name)

    def edited(*given: Any) -> Any:
        change()
        report = run(*given)
        change()
        return report

    monkeypatch.setattr(module, name, edited)


def out_of_date(project: Project, pipeline: str) -> dict[str, tuple[str, ...]]:
    return {stage: why for stage, why in StageRunner(project, pipeline).out_of_date().items() if why}


def by_prefect(project: Project, pipeline: str) -> list[StageResult]:
    """The flow, on a Prefect server of its own, in the working directory's project."""
    from prefect.testing.utilities import prefect_test_harness

    from flows.training import training

    with prefect_test_harness(server_startup_timeout=120):
        return training(pipeline)


@pytest.mark.long
@pytest.mark.parametrize("front_end", [run_plain, by_prefect])
def test_every_input_edited_during_every_stage(
    front_end: Callable[[Project, str], list[StageResult]], project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = project.pipeline("notes")
    edited = [project.params, project.root / "notes.csv", paths.suite, *(project.root / "tasks").rglob("*.py")]
    originals = {file: file.read_bytes() for file in edited}
    given, block = load_pipeline(project.params, "notes"), pipelines_in(project.params)["notes"]
    with monkeypatch.context() as patch:
        for stage in STAGES:
            meanwhile(patch, stage, lambda: edit(project.root))
        assert {result.outcome for result in front_end(project, "notes")} == {"ran"}
    passport, record = files.read_json(paths.passport), files.read_json(paths.run)
    # Every file that the run left names the parameters that it began with.
    beside = {"predict", "tune", "monitor", "schedule", "notify", "serve", "retention"}
    assert passport["parameters"] == given.model_dump(mode="json", by_alias=True, exclude=beside)
    assert record["params"] == flat_params(given.train)
    assert {stage: recorded_parameters(paths, stage) for stage in STAGES[:-1]} == {s: block[s] for s in STAGES[:-1]}
    client = connect(project)
    (version,) = client.search_model_versions("name = 'notes'")
    assert client.get_run(version.run_id).data.params.items() >= flat_params(given.train).items()
    assert load_pipeline(project.params, "notes") != given
    assert set(out_of_date(project, "notes")) == set(STAGES)
    # Nothing that may have been read is taken for what was read, though all stands again as it stood.
    for file, content in originals.items():
        file.write_bytes(content)
    late = out_of_date(project, "notes")
    assert set(late) == set(STAGES)
    assert "expectations/notes.json is new, or was edited while the stage ran" in late["validate"]
    assert {result.outcome for result in run_plain(project, "notes")} == {"ran"}
    assert not out_of_date(project, "notes")


def test_an_edit_of_a_stage_that_is_not_at_work_is_the_next_runs(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_plain(project, "masses", last="clean")
    (project.root / "tasks" / "ingestion" / "plan.py").write_text("SO_THAT_INGEST_RUNS = 1\n")
    code = project.root / "tasks" / "cleaning" / "new.py"
    with monkeypatch.context() as patch:
        meanwhile(patch, "ingest", lambda: code.write_text("EDITED = 1\n"))
        outcomes = {result.stage: result.outcome for result in run_plain(project, "masses", last="clean")}
    assert outcomes == {"ingest": "ran", "validate": "unchanged", "split": "unchanged", "clean": "unchanged"}
    assert out_of_date(project, "masses")["clean"] == ("tasks/cleaning changed",)


def test_rows_that_are_edited_while_a_stage_reads_them(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    run_plain(project, "masses", last="validate")
    valid = next(project.pipeline("masses").valid.iterdir())
    content = valid.read_bytes()

    def edit_back_and_forth() -> None:
        valid.chmod(0o644)
        valid.write_bytes(content)

    with monkeypatch.context() as patch:
        meanwhile(patch, "split", edit_back_and_forth)
        run_plain(project, "masses", last="split")
    late = out_of_date(project, "masses")
    assert late["split"] == ("data/masses/valid is new, or was edited while the stage ran",)
    assert not {"ingest", "validate"} & late.keys()
    assert run_plain(project, "masses", first="split", last="split")[0].outcome == "ran"
    assert "split" not in out_of_date(project, "masses")


def test_no_version_names_parameters_that_an_earlier_run_did_not_have(project: Project) -> None:
    run_plain(project, "masses", last="evaluate")
    before = project.params.read_text()
    project.params.write_text(before.replace(MASSES, MASSES.replace("split: {}", "split: {seed: 7}")))
    with pytest.raises(UserError, match=r"split.seed None -> 7|split.seed \(not set\) -> 7") as error:
        run_plain(project, "masses", first="register")
    assert "`modelwright run masses` and `dvc repro register@masses` run these stages again" in str(error.value)
    assert not project.pipeline("masses").registration.exists()
    project.params.write_text(before)
    assert run_plain(project, "masses", first="register")[0].outcome == "ran"

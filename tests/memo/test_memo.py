"""What is run, restored or left, and why."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks import ingest
from tasks.command.doctor import examine
from tasks.errors import GateError, UserError
from tasks.memo.chain import StageRunner, run_plain, stages_between
from tasks.memo.memo import Memo
from tasks.params.file import load_pipeline
from tasks.paths import STAGES, Project
from tests.projects import command, write_notes

pytestmark = pytest.mark.chain

DATA_STAGES = STAGES[: STAGES.index("train")]


def outcomes(project: Project, last: str = "augment") -> dict[str, str]:
    return {result.stage: result.outcome for result in run_plain(project, "masses", last=last)}


def change_params(project: Project, before: str, after: str) -> None:
    text = project.params.read_text()
    assert before in text
    project.params.write_text(text.replace(before, after))


def test_what_was_done_is_not_done_again(project: Project) -> None:
    assert set(outcomes(project).values()) == {"ran"}
    assert set(outcomes(project).values()) == {"unchanged"}


def test_a_changed_parameter_is_named_and_only_what_follows_runs(copied: Project) -> None:
    change_params(copied, "split: {}\n    normalize: {}\n    augment: {}\n    train: {kind: lightgbm", SPLIT_SEED)
    results = {result.stage: result for result in run_plain(copied, "masses", last="augment")}
    assert [results[stage].outcome for stage in ("ingest", "validate")] == ["unchanged"] * 2
    assert results["split"].why == ("split.seed (not set) -> 7",)
    assert results["clean"].outcome == results["normalize"].outcome == "ran"


SPLIT_SEED = "split: {seed: 7}\n    normalize: {}\n    augment: {}\n    train: {kind: lightgbm"


def test_what_was_done_before_is_restored(copied: Project) -> None:
    original = copied.params.read_text()
    change_params(copied, "split: {}\n    normalize: {}\n    augment: {}\n    train: {kind: lightgbm", SPLIT_SEED)
    outcomes(copied)
    copied.params.write_text(original)
    restored = outcomes(copied)
    assert restored["split"] == "restored"
    assert restored["normalize"] == "restored"


def test_missing_outputs_come_back_from_the_cache(copied: Project) -> None:
    shutil.rmtree(copied.root / "data" / "masses" / "clean")
    results = {result.stage: result for result in run_plain(copied, "masses", last="augment")}
    why = tuple(f"data/masses/clean/{part} is missing" for part in ("train", "validation", "test"))
    assert (results["clean"].outcome, results["clean"].why) == ("restored", why)
    assert results["normalize"].outcome == "unchanged"


def test_a_new_projects_stages_never_ran(project: Project) -> None:
    assert StageRunner(project, "masses").out_of_date()["ingest"] == ("never ran",)


def test_status_says_why_and_runs_nothing(copied: Project) -> None:
    assert not any(StageRunner(copied, "masses").out_of_date().values())
    change_params(copied, "num_iterations: 20", "num_iterations: 30")
    late = {stage: why for stage, why in StageRunner(copied, "masses").out_of_date().items() if why}
    assert late == {
        "train": ("train.num_iterations 20 -> 30",),
        "register": ("train.num_iterations 20 -> 30",),
    }
    assert not any(StageRunner(copied, "masses").out_of_date()[stage] for stage in DATA_STAGES)


def test_blocks_that_no_stage_reads_run_nothing(copied: Project) -> None:
    beside = "    schedule: {interval: 1d}\n    monitor: {log: true}\n    tune: {trials: 9}\n    serve: {port: 8123}\n"
    change_params(copied, "  masses: # numbers, LightGBM\n", f"  masses:\n{beside}")
    assert not any(StageRunner(copied, "masses").out_of_date().values())


def test_what_evaluate_will_refuse_is_said_before_anything_is_trained(copied: Project) -> None:
    masses = "evaluate: {positive: malignant}"
    change_params(copied, masses, "evaluate: {answer: least_cost, costs: {benign: {malignant: 2}}}")
    reasons = StageRunner(copied, "masses").out_of_date()["evaluate"]
    message = "least_cost is of three classes or more, and here are two"
    assert [why for why in reasons if why.startswith("will be refused: ") and message in why]
    with pytest.raises(UserError, match=message):
        run_plain(copied, "masses", first="normalize", last="augment")
    change_params(copied, "answer: least_cost, ", "")
    assert not [why for why in StageRunner(copied, "masses").out_of_date()["evaluate"] if "refused" in why]


@pytest.mark.parametrize(
    ("monitor", "message"),
    [
        ("{mask: [mean radios]}", "monitor.mask names mean radios, which is no .*; did you mean mean radius?"),
        ("{rules: {quality: {mae: {max: 2}}}}", "monitor.rules.quality.mae is of numbers, and the target has classes"),
    ],
)
def test_what_nobody_could_watch_is_said_before_anything_is_trained(
    copied: Project, monitor: str, message: str
) -> None:
    change_params(copied, "  masses: # numbers, LightGBM\n", f"  masses:\n    monitor: {monitor}\n")
    with pytest.raises(UserError, match=rf"params.yaml: pipelines\.masses\.{message}"):
        run_plain(copied, "masses", last="ingest")


def test_a_source_that_changed_is_taken_in_again(copied: Project) -> None:
    write_notes(copied.root / "notes.csv", num_rows=260)
    assert StageRunner(copied, "notes").out_of_date()["ingest"] == ("the source changed",)
    (first, *_) = run_plain(copied, "notes", last="clean")
    assert (first.outcome, first.why, first.report.numbers["num_rows"]) == ("ran", ("the source changed",), 260)


def test_a_source_with_the_same_rows_in_other_bytes_stops_before_training(copied: Project) -> None:
    content = (copied.root / "notes.csv").read_text()
    (copied.root / "notes.csv").write_text(content.replace("\n", "\r\n"), newline="")
    outcomes = {result.stage: result.outcome for result in run_plain(copied, "notes", last="train")}
    assert (outcomes["ingest"], outcomes["train"]) == ("ran", "unchanged")


def test_outputs_that_are_links_into_the_cache_are_never_written_into(project: Project) -> None:
    with (project.root / ".dvc" / "config").open("a") as config:
        config.write("[cache]\n    type = hardlink\n")
    outcomes(project)
    cached = {
        file: file.read_bytes() for file in (project.root / ".dvc" / "cache" / "files").rglob("*") if file.is_file()
    }
    linked = next((project.root / "data" / "masses" / "clean").iterdir())
    assert linked.stat().st_nlink > 1
    run_plain(project, "masses", last="augment", force=True)
    change_params(project, "split: {}\n    normalize: {}\n    augment: {}\n    train: {kind: lightgbm", SPLIT_SEED)
    outcomes(project)
    assert {file: file.read_bytes() for file in cached} == cached


def test_a_stage_whose_input_is_missing_names_it(project: Project) -> None:
    with pytest.raises(
        UserError, match=r"data/masses/.*: missing, and clean@masses needs it; run the stage that makes it"
    ):
        run_plain(project, "masses", first="clean")


@pytest.mark.parametrize("name", ["dataset.json", "valid/part-00000.parquet"])
@pytest.mark.parametrize("place", [lambda path: path.symlink_to("/nope"), os.mkfifo], ids=["link", "pipe"])
def test_an_output_without_content_is_a_missing_one(copied: Project, name: str, place: Callable[[Path], None]) -> None:
    output = copied.pipeline("masses").data / name
    before = output.read_bytes()
    output.unlink()
    place(output)
    reasons = StageRunner(copied, "masses").out_of_date()
    assert f"data/masses/{name} is missing" in reasons["split"]
    assert f"data/masses/{name} is missing" in (*reasons["ingest"], *reasons["validate"])
    with pytest.raises(UserError, match=r"data/masses/.*: missing, and split@masses needs it"):
        run_plain(copied, "masses", first="split", last="split")
    run_plain(copied, "masses", last="split")
    assert output.read_bytes() == before
    assert not StageRunner(copied, "masses").out_of_date()["split"]


def test_a_gate_that_says_no_leaves_the_stage_undone(project: Project) -> None:
    suite = project.pipeline("masses").suite
    content = json.loads(suite.read_text())
    worst = {"column": "mean radius", "min_value": 1000}
    content["expectations"].append(
        {"type": "expect_column_values_to_be_between", "kwargs": worst, "severity": "critical"}
    )
    suite.write_text(json.dumps(content))
    with pytest.raises(GateError, match="data/masses/quarantine/validate"):
        run_plain(project, "masses", last="clean")
    assert StageRunner(project, "masses").out_of_date()["validate"] == ("never ran",)
    assert StageRunner(project, "masses").out_of_date()["ingest"] == ()


def test_two_processes_do_not_write_the_same_stage(project: Project) -> None:
    outer, inner = Memo(project.root, "masses"), Memo(project.root, "masses")
    config = load_pipeline(project.params, "masses").ingest

    def meanwhile() -> None:
        ingest.run(config, project.pipeline("masses"))
        with pytest.raises(
            UserError,
            match=r"^another process is at work on the same files: modelwright ingest@masses \(process \d+\); wait",
        ):
            inner.perform("ingest", lambda: None)

    # What the first one had written already is there still.
    assert outer.perform("ingest", meanwhile)[0] == "ran"


def test_a_folder_that_dvc_does_not_know(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("pipelines: {}")
    with pytest.raises(UserError, match="DVC"):
        Memo(tmp_path, "masses")


def test_stages_between() -> None:
    assert stages_between(None, None) == STAGES
    assert stages_between("split", "augment") == ("split", "clean", "normalize", "augment")
    with pytest.raises(UserError, match=r"there is no stage trian; did you mean train\?"):
        stages_between("trian", None)
    with pytest.raises(UserError, match="stage train comes after clean"):
        stages_between("train", "clean")


def test_the_lock_has_the_parameters_that_the_stage_was_given(project: Project) -> None:
    """An edit of params.yaml while the stage runs is the next run's business."""
    from tasks import split

    run_plain(project, "masses", last="validate")
    config = load_pipeline(project.params, "masses").split
    original = project.params.read_text()

    def edited_meanwhile() -> None:
        change_params(project, "split: {}\n    normalize: {}\n    augment: {}\n    train: {kind: lightgbm", SPLIT_SEED)
        split.run(config, project.pipeline("masses"))

    assert Memo(project.root, "masses").perform("split", edited_meanwhile)[0] == "ran"
    assert Memo(project.root, "masses").reasons("split") == ("split.seed (not set) -> 7",)
    project.params.write_text(original)
    assert Memo(project.root, "masses").reasons("split") == ()


def test_code_that_is_edited_between_two_stages_is_the_next_runs(copied: Project) -> None:
    """A folder that many stages read is hashed once, when the run begins."""
    memo = Memo(copied.root, "masses")
    assert memo.reasons("split") == memo.reasons("clean") == ()
    code = copied.root / "tasks" / "tables" / "parts.py"
    code.write_text(code.read_text() + "EDITED = 1\n")
    assert memo.reasons("clean") == ()
    assert Memo(copied.root, "masses").reasons("clean") == ("tasks/tables changed",)


@pytest.mark.long
def test_what_was_accepted_is_damaged_and_the_cure_that_is_told_brings_it_back(copied: Project) -> None:
    path, lock = copied.pipeline("masses").accepted, copied.lock.read_bytes()
    before = path.read_bytes()
    for content in (b"", b"\x00\xff<<<<<<<", b"[]", None):
        path.unlink()
        path.mkdir() if content is None else path.write_bytes(content)
        with pytest.raises(UserError, match=r"accepted\.json: damaged") as error:
            run_plain(copied, "masses", last="validate")
        assert str(error.value) in [check.cure for check in examine(copied)]
        advice = str(error.value).split("`")[1]
        command(copied.root, *advice.split())
        assert path.read_bytes() == before
        run_plain(copied, "masses", last="validate")
        assert path.read_bytes() == before
        assert copied.lock.read_bytes() == lock
    # The other advice.
    path.write_bytes(b"")
    path.unlink()
    run_plain(copied, "masses", last="validate")
    assert path.read_bytes() == before

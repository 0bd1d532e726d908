from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from tasks import files, normalize, reports
from tasks import register as stage
from tasks.errors import GateError, UserError
from tasks.evaluation import partitions
from tasks.model_input.conformal import ConformalRule, read_conformal
from tasks.params.file import load_pipeline
from tasks.params.register import Bound, SliceRules
from tasks.paths import Paths
from tasks.promotion.contest import NotComparableError
from tasks.reports import Report
from tasks.tables import storage
from tasks.tracking import store
from tasks.tracking.champion import champion_answers
from tasks.tracking.promoting import champion_then, history, verified
from tasks.tracking.registered import registered_model
from tests.registry_servers import artifacts_of, folder_of
from tests.trained import METRICS, elsewhere, evaluated, retrained, rows, trained

pytestmark = pytest.mark.chain

WEAK = 1e-6
"""A penalty under which every row gets the same answer."""

PREDICT = """
import json, sys

class Refuse:
    "Stands for a process that has only what the model asks for."
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("prefect", "dvc", "great_expectations", "duckdb", "torch", "lightgbm", "flows"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refuse())
import mlflow, pandas as pd
model = mlflow.pyfunc.load_model("models:/mixed@champion")
answers = model.predict(pd.read_pickle(sys.argv[1]))
import tasks
print(json.dumps([tasks.__file__, answers.to_dict("list"), [int(number) for number in answers.index]]))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory, empty_store) -> Paths:
    """A trained pipeline with an empty registry; the tests of this module run in order on one store."""
    with elsewhere(tmp_path_factory, empty_store) as root:
        yield trained(root)


def registered(paths: Paths, **settings: object) -> Report:
    """What register says, with these settings instead of the pipeline's own."""
    pipeline = load_pipeline(paths.project.params, paths.pipeline)
    config = pipeline.register_.model_copy(update=settings)
    return stage.run(pipeline.model_copy(update={"register_": config}), paths)


def test_a_gate_that_says_no_registers_nothing(project):
    evaluated(project, {"accuracy": 0.4, "log_loss": 2.0})
    with pytest.raises(GateError, match=r"accuracy 0\.4 is below the least that is allowed, 0\.5"):
        registered(project)
    verdict = json.loads(project.verdict.read_text())
    assert (verdict["decision"], verdict["passed"]) == ("reject", False)
    assert [rule["metric"] for rule in verdict["rules"] if not rule["passed"]] == ["accuracy"]
    assert not project.registration.exists()
    assert not store.connect(project.project).search_registered_models()


def test_a_kind_of_rows_that_surely_breaks_its_bound_registers_nothing(project, monkeypatch):
    """Of 30 test rows: a slice may be as small as five here."""
    evaluated(project, METRICS)
    monkeypatch.setattr(partitions, "FEWEST_ROWS", 5)
    surely = {"metric": "log_loss", "slices": SliceRules(max=1e-6), "gate": {}}
    with pytest.raises(GateError, match=r"log_loss \(.*\) 0\.\d+ is above the most that is allowed, 1e-06, and surely"):
        registered(project, **surely)
    (*_, rule) = json.loads(project.verdict.read_text())["rules"]
    assert rule["p_value"] <= 0.05
    assert rule["num_tests"] > 1
    with pytest.raises(UserError, match=r"register\.slices\.columns: tovn is no column .*; did you mean town"):
        registered(project, slices=SliceRules(min=0.5, columns=["tovn"]), gate={})


def test_a_bound_on_latency_has_it_measured(project):
    evaluated(project, METRICS)
    with pytest.raises(GateError, match=r"latency_p95_ms \(one row, .* cores?, Linux\) .* is above the most"):
        registered(project, gate={"latency_p95_ms": Bound(max=1e-6)})
    verdict = json.loads(project.verdict.read_text())
    assert 0 < verdict["latency"]["one_row"]["p50_ms"] <= verdict["latency"]["one_row"]["p95_ms"]
    assert verdict["latency"]["batch"]["num_rows"] == 30
    assert verdict["rules"][0]["value"] == verdict["latency"]["one_row"]["p95_ms"]


def test_a_metric_that_was_not_computed_is_the_users_mistake(project):
    evaluated(project, METRICS)
    with pytest.raises(UserError, match="roc_auc was not computed"):
        registered(project, metric="roc_auc", gate={})


def test_a_registry_that_is_down_loses_nothing(project, monkeypatch, refused):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", refused)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(UserError, match="run again; nothing is lost"):
        registered(project)
    assert project.passport.exists()
    assert not project.registration.exists()


def test_the_first_version_becomes_champion(project):
    report = registered(project)
    assert report.figure == "mixed version 1, champion"
    assert report == reports.register(project)
    assert report.numbers["model"] == json.loads(project.run.read_text())["model"]


def test_a_version_is_told_apart_and_described(project):
    client = store.connect(project.project)
    version = client.get_model_version("mixed", "1")
    assert version.tags["modelwright.data"] == "d" * 64
    assert float(version.tags["test_accuracy"]) == METRICS["accuracy"]
    assert version.tags["modelwright.signed_off_by"] == "the gate, by the rules of params.yaml"
    assert json.loads(project.verdict.read_text())["signed_off_by"] == "the gate, by the rules of params.yaml"
    assert "- accuracy: **0.9000**" in version.description
    assert "- `weight` (number)" in client.get_registered_model("mixed").description
    run = client.get_run(version.run_id)
    assert run.data.metrics["test_accuracy"] == METRICS["accuracy"]
    assert "accuracy" not in run.data.metrics
    names = {artifact.path for artifact in client.list_artifacts(version.run_id)}
    assert {"passport.json", "verdict.json", "report.html", "metrics.json", "plots", "history.csv"} <= names
    card = Path(client.download_artifacts(version.run_id, "card.md"))
    assert card.read_text() == version.description


def test_registering_again_changes_nothing(project):
    before = {path: path.read_bytes() for path in (project.registration, project.passport, project.verdict)}
    assert registered(project).figure == "mixed version 1, champion"
    assert {path: path.read_bytes() for path in before} == before
    client = store.connect(project.project)
    assert len(client.search_model_versions("name = 'mixed'")) == 1
    assert len(client.search_runs([client.get_experiment_by_name("mixed").experiment_id])) == 1


def test_what_a_person_has_signed_stays_signed_by_them(project):
    client = store.connect(project.project)
    client.set_model_version_tag("mixed", "1", "modelwright.signed_off_by", "Ada Example: approved")
    registered(project)
    assert client.get_model_version("mixed", "1").tags["modelwright.signed_off_by"] == "Ada Example: approved"


def test_no_times_ids_or_places_in_the_files(project):
    for path in (project.registration, project.passport, project.verdict):
        text = path.read_text()
        assert str(project.project.root) not in text
        assert store.connect(project.project).get_model_version("mixed", "1").run_id not in text


def test_the_model_has_no_pickles_and_its_exact_requirements(project):
    folder = model_folder(project)
    suffixes = {file.suffix for file in folder.rglob("*") if file.is_file() and "code" not in file.parts}
    assert suffixes <= {".json", ".yaml", ".txt", ".py", ".skops", ""}
    assert not [file for file in folder.rglob("*") if file.suffix in (".pkl", ".pickle", ".joblib", ".pyc")]
    # The code is one archive, whatever the project grows to.
    assert [file.name for file in (folder / "code").rglob("*")] == ["tasks.zip"]
    assert len([file for file in folder.rglob("*") if file.is_file()]) <= 14
    requirements = (folder / "requirements.txt").read_text().split()
    assert all("==" in line and "+" not in line for line in requirements)
    assert {line.split("==")[0] for line in requirements} >= {"mlflow", "polars", "scikit-learn", "skops", "pillow"}


def test_the_model_answers_without_this_repository_on_the_path(project, tmp_path):
    frame = rows(4, seed=7).drop("label").to_pandas()
    frame.index = [5, 6, 7, 8]
    frame["scan"] = [*frame["scan"][:2], *map(decoded, frame["scan"][2:])]  # bytes and arrays
    frame["age"] = frame["age"].astype(int)
    frame.to_pickle(tmp_path / "rows.pkl")
    file, answers, index = in_another_process(project, tmp_path, tmp_path / "rows.pkl")
    assert "/code/tasks.zip/tasks/__init__.py" in file
    assert not Path(file).is_relative_to(Path(stage.__file__).parent)
    assert set(answers) == {"prediction", "probability_no", "probability_yes"}
    assert set(answers["prediction"]) <= {"no", "yes"}
    assert np.allclose(np.add(answers["probability_no"], answers["probability_yes"]), 1)
    assert index == [5, 6, 7, 8]


def test_a_worse_version_is_challenger_whatever_metrics_json_claims(project):
    """Both are scored on the same rows: what the champion reached on other rows decides nothing."""
    retrained(project, WEAK, {"accuracy": 0.99, "log_loss": 0.1})
    report = registered(project)
    assert report.figure == "mixed version 2, challenger"
    assert aliases(project) == {"champion": "1", "challenger": "2"}
    promotion = report.numbers["promotion"]
    assert (promotion["champion"], promotion["champion_recorded"], promotion["num_rows"]) == (1.0, 0.9, 30)
    assert promotion["challenger"] < 0.8
    assert promotion["low"] < promotion["gain"] < promotion["high"] < 0
    assert "surely worse, so the champion stays" in promotion["sentence"]
    assert registered(project).figure == "mixed version 2, challenger"


def test_each_question_to_the_champion_is_a_look_and_the_same_one_is_no_other(project):
    promotion = json.loads(project.verdict.read_text())["promotion"]
    assert (promotion["look"], promotion["alpha"], promotion["test"]) == (1, 0.025, "Tango's score test")
    other = registered(project, margin=0.0).numbers["promotion"]
    assert (other["look"], other["alpha"], other["test"]) == (2, pytest.approx(0.05 / 6), "McNemar's exact test")
    assert registered(project).numbers["promotion"] == promotion
    # They are kept with the champion, for whoever registers next.
    tags = store.connect(project.project).get_model_version("mixed", "1").tags
    assert sorted(value for tag, value in tags.items() if tag.startswith("modelwright.look.")) == ["1", "2"]


def test_the_decision_stands_in_the_verdict_the_report_and_the_registry(project):
    verdict = json.loads(project.verdict.read_text())
    promotion = verdict["promotion"]
    assert verdict["decision"] == "hold"
    assert promotion == json.loads(project.registration.read_text())["promotion"]
    assert reports.register(project).diagnostics == (promotion["sentence"],)
    version = store.connect(project.project).get_model_version("mixed", "2")
    assert version.tags["modelwright.verdict"] == promotion["sentence"]
    assert "surely worse, so the champion stays" in version.description


def test_a_difference_that_is_not_sure_changes_nothing_unless_the_margin_allows_it(project):
    retrained(project, 0.9)
    report = registered(project)
    assert report.figure == "mixed version 3, challenger"
    assert report.numbers["promotion"]["low"] <= 0 <= report.numbers["promotion"]["high"]
    assert "not surely better by more than the margin of 0.01" in report.numbers["promotion"]["sentence"]
    # That 30 rows are answered alike does not say that 5 % of others would be.
    assert "not surely within the margin of 0.05" in registered(project, margin=-0.05).numbers["promotion"]["sentence"]
    assert registered(project, margin=-0.5).figure == "mixed version 3, champion"
    assert aliases(project) == {"champion": "3", "previous": "1"}


def test_a_passport_names_no_parameters_that_the_model_was_not_trained_with(project):
    params = project.project.params
    before = params.read_text()
    params.write_text(before.replace("C: 0.9", "C: 0.95"))
    with pytest.raises(UserError, match=r"edited since train ran \(train.estimator.C 0.9 -> 0.95\); run `modelwright"):
        registered(project)
    params.write_text(before)
    assert registered(project).numbers["version"] == 3


def test_a_passport_names_the_suite_that_was_asked(project):
    project.suite.parent.mkdir(exist_ok=True)
    project.suite.write_text("edited after validate")
    registered(project)
    assert json.loads(project.passport.read_text())["digests"]["suite"] == "e" * 64
    project.suite.unlink()


def test_a_better_version_takes_the_champions_place(project):
    # As somebody does who goes back to an earlier version by hand.
    store.connect(project.project).set_registered_model_alias("mixed", "champion", "2")
    retrained(project, 0.8)
    report = registered(project)
    assert report.figure == "mixed version 4, champion"
    promotion = report.numbers["promotion"]
    assert promotion["champion_version"] == 2
    assert promotion["low"] > 0.01
    assert "surely better by more than 0.01, so it takes the champion's place" in promotion["sentence"]
    assert aliases(project) == {"champion": "4", "previous": "2"}
    # What made it champion is not decided again.
    assert registered(project).numbers == report.numbers


def test_every_move_so_far_stands_in_the_history(project):
    records, carried_out = history(project.project, "mixed")
    moves = [(record.who, record.moves.get("champion")) for record in reversed(records)]
    assert moves == [
        ("register", (None, 1)),
        ("register", None),  # 2 is challenger
        ("register", None),  # 3 is
        ("register", (1, 3)),
        ("outside", (3, 2)),
        ("register", (2, 4)),
    ]
    assert {record.hash for record in records} == carried_out
    verdict = records[0].verdict
    assert "surely better by more than 0.01, so it takes the champion's place" in verdict
    assert "worse" in records[-2].verdict
    assert verified(project.project, "mixed", []).problems == ()
    then = champion_then(project.project, "mixed")
    assert (then.reign.version, then.reign.record) == (4, records[0])


def test_the_champion_on_other_test_rows_is_not_told_by_the_figures_of_earlier_ones(project):
    metrics = json.loads(project.metrics.read_text())
    evaluated(project, {**metrics, "accuracy": 0.6543})
    report = registered(project)
    assert report.figure == "mixed version 4, champion"
    promotion = json.loads(project.verdict.read_text())["promotion"]
    assert promotion == report.numbers["promotion"]
    assert promotion["challenger"] == 0.6543
    assert promotion["sentence"] == (
        "this model is the champion already, as version 4; it has accuracy 0.6543 on today's test rows"
    )
    # As register leaves it, so that a second call changes nothing.
    assert registered(project).numbers == report.numbers
    # One that lost and was made champion by hand is champion, whatever was said when it lost.
    client = store.connect(project.project)
    lost = {**promotion, "promoted": False, "sentence": "no sure difference, so the champion stays"}
    client.set_model_version_tag("mixed", "4", "modelwright.promotion", json.dumps(lost))
    assert registered(project).numbers == report.numbers


def test_a_champion_that_knows_other_columns_is_not_compared_and_the_advice_works(project):
    split = storage.read_table(project.split("test"))
    storage.write_parts(project.split("test"), [split.drop("town")])
    retrained(project, 0.7)
    report = registered(project)
    assert report.figure == "mixed version 5, challenger"
    sentence = report.numbers["promotion"]["sentence"]
    assert "version 4, was not compared on today's test rows (column town is missing; the model" in sentence
    assert "set `register: not_comparable: promote`" in sentence
    assert registered(project, not_comparable="promote").figure == "mixed version 5, champion"
    storage.write_parts(project.split("test"), [split])


def test_a_champion_under_another_split_is_noted_where_nobody_knows_what_it_has_learnt(project):
    """Of a version that was registered without the hashes of its rows."""
    params = project.project.params
    retrained(project, 0.6)
    params.write_text(params.read_text().replace("split: {}", "split: {seed: 7}"))
    assert registered(project).numbers["promotion"]["notes"] == []
    run_id = store.connect(project.project).get_model_version("mixed", "5").run_id
    (kept,) = artifacts_of(project.project).rglob(f"*{run_id}*/artifacts/learnt_rows.parquet")
    kept.unlink()
    (note,) = registered(project).numbers["promotion"]["notes"]
    assert "trained under another split (split.seed 0 -> 7): it may have learnt some of today's test rows" in note
    assert "trained under another split" in store.connect(project.project).get_model_version("mixed", "6").description


def test_rows_that_the_champion_was_trained_on_are_left_out(project):
    """Ten of its training rows have become test rows."""
    test, split = storage.read_table(project.clean("test")), storage.read_table(project.split("test"))
    mixed = pl.concat([split.head(20), storage.read_table(project.split("train")).head(10)])
    for folder in (project.split("test"), project.clean("test")):
        storage.write_parts(folder, [mixed])
    normalize.run(load_pipeline(project.project.params, "mixed").normalize, project)
    retrained(project, 0.55)
    # A champion that was registered with the hashes of its rows.
    store.connect(project.project).set_registered_model_alias("mixed", "champion", "6")
    promotion = registered(project).numbers["promotion"]
    assert (promotion["num_rows"], promotion["num_left_out"]) == (20, 10)
    assert promotion["notes"] == ["10 test rows are left out: the champion was trained on them"]
    storage.write_parts(project.split("test"), [split])
    storage.write_parts(project.clean("test"), [test])
    normalize.run(load_pipeline(project.project.params, "mixed").normalize, project)


def test_a_champion_that_was_made_meanwhile_is_not_replaced_unseen(project, monkeypatch):
    retrained(project, 0.5)

    def meanwhile(*arguments):
        store.connect(project.project).set_registered_model_alias("mixed", "champion", "1")
        return champion_answers(*arguments)

    monkeypatch.setattr(stage, "champion_answers", meanwhile)
    with pytest.raises(UserError, match=r"version 1 became champion meanwhile.*run the stage again"):
        registered(project, margin=-1.0)
    monkeypatch.undo()
    assert registered(project, margin=-1.0).figure == "mixed version 8, champion"


def test_a_call_that_was_cut_off_goes_on_where_it_stopped(project):
    """Killed after the model was logged and before the version was made: the logged model is used."""
    client = store.connect(project.project)
    experiment_id = client.get_experiment_by_name("mixed").experiment_id
    before = len(client.search_logged_models([experiment_id]))
    client.delete_model_version("mixed", "8")
    assert registered(project).numbers["version"] == 9
    assert len(client.search_logged_models([experiment_id])) == before


@pytest.fixture
def refused() -> str:
    """An address on loopback where nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def aliases(paths: Paths) -> dict[str, str]:
    found = store.connect(paths.project).get_registered_model("mixed").aliases
    return {alias: str(version) for alias, version in found.items()}


def model_folder(paths: Paths) -> Path:
    source = store.connect(paths.project).get_model_version_download_uri("mixed", "1")
    return folder_of(paths.project, source)


def decoded(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def in_another_process(paths: Paths, folder: Path, frame: Path):
    """Isolated (-I): neither PYTHONPATH nor the working directory is on the path."""
    environment = {**os.environ, "MLFLOW_TRACKING_URI": store.tracking_uri(paths.project)}
    command = [sys.executable, "-I", "-W", "ignore", "-c", PREDICT, str(frame)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_sets_of_classes_make_another_version_and_lie_in_it(project, monkeypatch):
    def refuse(*arguments):
        raise NotComparableError("it is not asked here")

    monkeypatch.setattr(stage, "champion_answers", refuse)
    before = files.read_json(project.registration)["version"]
    rule = ConformalRule(coverage=0.9, num_rows=30, common=0.6)
    files.write_json(project.assessment("conformal"), rule.model_dump(mode="json"))
    version = registered(project).numbers["version"]
    assert version == before + 1
    packed = registered_model(project.project, f"mixed:{version}").packed
    assert read_conformal(packed / "artifacts" / "conformal.json", ("no", "yes")) == rule

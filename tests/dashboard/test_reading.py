"""What the page shows is what stages left and what the registry has; nothing is written, run or guessed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tasks import files
from tasks.dashboard.content import ShownMetric
from tasks.dashboard.reading import panel, shown_reigns
from tasks.measures import Measure
from tasks.params.register import Bound
from tasks.paths import Paths, Project
from tasks.promotion.gate import judge
from tasks.tracking import store
from tasks.tracking.alias_history import Grounds, move
from tasks.tracking.registry_view import ViewedModel, viewed_models
from tasks.tracking.tags import TRIAL_TAG
from tests.dashboard.shown_project import NOW, records
from tests.registry import NAME, project_with_versions

BLOCK = {
    "ingest": {"source": {"kind": "table", "path": "data.csv"}, "target": "left"},
    **{stage: {} for stage in ("validate", "clean", "split", "normalize", "augment", "evaluate")},
    "train": {"kind": "sklearn", "estimator": {"kind": "logistic_regression"}},
    "register": {"metric": "roc_auc", "gate": {"roc_auc": {"min": 0.9}}},
}


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Project(root=tmp_path).pipeline(NAME)


def shown(paths: Paths, model: ViewedModel | None = None, name: str = NAME, **more: object) -> object:
    return panel(paths.project, name, BLOCK, model or ViewedModel(), now=NOW, **more)  # type: ignore[arg-type]


def test_the_line_of_time_is_shared_out_by_how_long_each_was_champion() -> None:
    reigns = shown_reigns(records((100, 1, "register"), (75, 2, "register"), (25, None, "outside")), NOW)
    assert [(one.version, one.start, one.width) for one in reigns] == [
        (1, 0.0, pytest.approx(25)),
        (2, pytest.approx(25), pytest.approx(50)),
        (None, pytest.approx(75), pytest.approx(25)),
    ]
    assert [one.ended for one in reigns] == [NOW - timedelta(days=75), NOW - timedelta(days=25), None]
    assert [one.is_guessed for one in reigns] == [False, False, True]


def test_a_reign_of_a_minute_can_be_seen_and_all_make_up_the_whole() -> None:
    minute = 1 / (24 * 60)
    history = records((300, 1, "register"), (200, 2, "register"), (200 - minute, 3, "register"))
    reigns = shown_reigns(history, NOW)
    assert reigns[1].width == pytest.approx(1.5, abs=0.05)
    assert sum(one.width for one in reigns) == pytest.approx(100)
    many = records(*((100 - place * minute, place, "register") for place in range(1, 200)))
    assert sum(one.width for one in shown_reigns(many, NOW)) == pytest.approx(100)


def test_nothing_has_run(paths: Paths) -> None:
    one = shown(paths)
    assert (one.problem, one.trainer, one.target) == ("", "sklearn logistic_regression", "left")
    assert (one.metric, one.refusal, one.champion, one.reigns, one.drift, one.links) == (None, None, None, (), (), ())


def test_the_metric_has_the_interval_that_evaluate_left(paths: Paths) -> None:
    files.write_json(paths.evaluation, {"metric": "roc_auc", "value": 0.93, "low": 0.91, "high": 0.95, "num_rows": 82})
    assert shown(paths).metric == ShownMetric(name="roc_auc", value=0.93, low=0.91, high=0.95, num_rows=82)


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"value": "high"}', '{"metric": "roc_auc"}'])
def test_a_damaged_file_is_as_good_as_none(paths: Paths, damage: str) -> None:
    for file in (paths.evaluation, paths.verdict, paths.validation_report, paths.assessment("drift")):
        files.write_text(file, damage)
    one = shown(paths)
    assert (one.metric, one.refusal, one.drift) == (None, None, ())


def test_the_gates_no_is_told_rule_by_rule(paths: Paths) -> None:
    measures = {"roc_auc": Measure(value=0.8, low=0.7, high=0.9), "log_loss": Measure(value=0.1)}
    verdict = judge({"roc_auc": Bound(min=0.9), "log_loss": Bound(max=0.2)}, measures)
    files.write_json(paths.verdict, verdict.model_dump(mode="json"))
    refusal = shown(paths).refusal
    assert (refusal.stage, refusal.sentences) == (
        "register",
        ("roc_auc 0.8 is below the least that is allowed, 0.9",),
    )
    files.write_json(paths.verdict, {"decision": "reject", "rules": [{"metric": "of another version"}]})
    assert shown(paths).refusal.sentences == ("see verdict.json",)
    files.write_json(paths.verdict, {"decision": "promote", "rules": []})
    files.write_json(paths.validation_report, {"refusals": ["3 rows of 10 are bad"], "drift": []})
    assert (shown(paths).refusal.stage, shown(paths).refusal.sentences) == ("validate", ("3 rows of 10 are bad",))


def test_drift_is_told_in_the_sentences_of_the_stages(paths: Paths) -> None:
    files.write_json(paths.validation_report, {"drift": [{"sentence": f"column {n} is gone"} for n in range(8)]})
    files.write_json(paths.assessment("drift"), {"num_columns": 4, "columns": []})
    accepted, test = shown(paths).drift
    assert accepted.sentences == (*(f"column {n} is gone" for n in range(6)), "and 2 more")
    assert (test.against, test.sentences) == ("test rows against training rows", ())
    assert shown(paths).has_drifted


def test_looks_at_the_champion_are_told_by_their_newest_windows(paths: Paths) -> None:
    folder = paths.data / "monitoring" / "version=3"
    fired = [{"rule": "drifted_columns", "sentence": "1 column has surely drifted: age"}]
    window = {"begin": "2026-09-29", "end": "2026-09-30", "changes": [], "fired": []}
    files.write_json(folder / "rows-000009.json", {**window, "fired": fired})
    files.write_json(folder / "rows-000010.json", window)
    files.write_json(
        folder / "labels-000001.json", {**window, "fired": fired, "changes": [{"sentence": "age is higher"}]}
    )
    files.write_text(paths.reports / "monitoring.html", "")
    one = shown(paths, ViewedModel(aliases={"champion": 3}))
    assert [(note.against, note.sentences) for note in one.drift] == [
        ("rows answered from 2026-09-29 up to 2026-09-30 against training rows", ()),
        (
            "rows labelled from 2026-09-29 up to 2026-09-30 against training rows",
            ("1 column has surely drifted: age", "age is higher"),
        ),
    ]
    assert "/reports/churn/monitoring.html" in [link.address for link in one.links]
    # Of another version than the champion nothing is told, nor of a file that is damaged.
    assert shown(paths, ViewedModel(aliases={"champion": 2})).drift == ()
    files.write_text(folder / "rows-000011.json", "{")
    assert len(shown(paths, ViewedModel(aliases={"champion": 3})).drift) == 1


def test_a_block_that_cannot_be_read_says_why_and_shows_what_was_made_before(paths: Paths) -> None:
    files.write_json(paths.evaluation, {"metric": "roc_auc", "value": 0.93})
    one = panel(paths.project, NAME, {**BLOCK, "trian": {}}, ViewedModel(), now=NOW)
    assert "pipelines.churn.trian is unknown" in one.problem
    assert one.metric is not None


@pytest.mark.parametrize("name", ["../other", "a/b", "A", "", ".", "x" * 65, "a\0b"])
def test_a_name_that_no_pipeline_can_have_leads_to_no_file(tmp_path: Path, name: str) -> None:
    project = Project(root=tmp_path / "project")
    files.write_json(tmp_path / "reports" / "other" / "evaluation.json", {"metric": "roc_auc", "value": 1.0})
    one = panel(project, name, BLOCK, ViewedModel(), now=NOW)
    assert one.problem
    assert one.metric is None


def test_links_lead_to_what_is_there(paths: Paths) -> None:
    files.write_text(paths.report_page, "")
    model = ViewedModel(aliases={"champion": 3})
    assert [(link.title, link.address) for link in shown(paths, model).links] == [
        ("report", "/reports/churn/report.html")
    ]
    links = {link.title: link.address for link in shown(paths, model, mlflow="http://127.0.0.1:5000/").links}
    page = "http://127.0.0.1:5000/#/models/churn/versions/3?workflowType=machine_learning"
    assert links["champion's card"] == page


@pytest.mark.chain
def test_a_local_registry_is_read_as_mlflow_reads_it_and_is_not_written_to(
    tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    project = project_with_versions(tmp_path, empty_store)
    client = store.connect(project)
    for version, who in ((1, "register"), (2, "Ada")):
        move(project, client, NAME, lambda _, version=version: {"champion": version}, Grounds(who=who, reason="why"))
    experiment = store.experiment(client, project, NAME)
    ids = []
    for name, tags in (("first", {}), ("second", {}), ("trial 0", {TRIAL_TAG: "0"}), ("deleted", {})):
        run = client.create_run(experiment, run_name=name, tags=tags)
        client.log_metric(run.info.run_id, "test_roc_auc", 0.9)
        ids.append(run.info.run_id)
    client.set_terminated(ids[0], "FAILED")
    client.delete_run(ids[3])
    model = viewed_models(project, [NAME, "letters"])[NAME]
    assert viewed_models(project, ["letters"]) == {"letters": ViewedModel()}
    assert model.aliases == {"champion": 2, "previous": 1}
    one = panel(project, NAME, BLOCK, model, now=datetime.now(UTC))
    assert [(reign.version, reign.who) for reign in one.reigns] == [(1, "register"), (2, "Ada")]
    assert (one.champion, one.moved) == (2, False)
    assert [(run.name, run.status, run.metric) for run in one.runs] == [
        ("second", "RUNNING", "roc_auc 0.9000"),
        ("first", "FAILED", "roc_auc 0.9000"),
    ]
    # A server, which MLflow is asked of, would say the same.
    monkeypatch.setattr(store, "is_local", lambda _: False)
    assert viewed_models(project, [NAME, "letters"]) == {NAME: model, "letters": ViewedModel()}
    monkeypatch.undo()
    # What others move is shown, and written down by whoever may write.
    client.set_registered_model_alias(NAME, "champion", "3")
    again = viewed_models(project, [NAME])[NAME]
    assert panel(project, NAME, BLOCK, again, now=datetime.now(UTC)).moved
    assert viewed_models(project, [NAME])[NAME].records == model.records


def test_without_a_store_nothing_was_tracked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert viewed_models(Project(root=tmp_path), ["churn"]) == {"churn": ViewedModel()}
    assert list(tmp_path.iterdir()) == []

"""What a flow run's page shows, on a server of its own: name, states, artifacts, and what to do when it failed."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tasks import files
from tasks.errors import GateError, UserError
from tasks.measures import Measure
from tasks.memo.chain import StageResult
from tasks.params.register import Bound
from tasks.paths import Paths, Project
from tasks.promotion.gate import judge
from tasks.reports import Report
from tests.web_pages import shown

NUMBERS = {"name": "churn", "version": 4, "aliases": ["challenger"]}


def result(stage: str, outcome: Any = "ran", *diagnostics: str) -> StageResult:
    numbers = NUMBERS if stage == "register" else {}
    report = Report(stage=stage, figure="1,797 rows", numbers=numbers, diagnostics=diagnostics)
    return StageResult(stage=stage, outcome=outcome, seconds=0.126, why=("never ran", "forced"), report=report)


RESULTS = [
    result("ingest", "unchanged"),
    result("split", "unchanged"),
    result("train"),
    result("evaluate", "restored"),
    result("register", "ran", "no sure difference, so the champion stays"),
]


def test_the_table_has_a_row_for_each_stage() -> None:
    from flows.run_page import stage_table

    told = result("ingest")
    hinted = replace(told, report=replace(told.report, diagnostics=("One.", "Two.")))
    row = {"stage": "ingest", "outcome": "ran", "seconds": 0.13, "figure": "1,797 rows", "why": "never ran, forced"}
    assert stage_table([told, hinted]) == [{**row, "diagnostics": ""}, {**row, "diagnostics": "One. Two."}]


def test_an_artifact_key_has_no_underscore() -> None:
    from flows.run_page import artifact_key

    assert artifact_key("house_prices-2") == "house-prices-2"


def test_a_run_is_named_by_pipeline_and_outcome() -> None:
    from flows.run_page import run_name

    assert run_name("churn", RESULTS) == "churn: 2 ran, 1 restored, 2 unchanged, challenger"
    assert run_name("churn", RESULTS[:3], "evaluate") == "churn: 1 ran, 2 unchanged, failed at evaluate"
    assert run_name("churn", RESULTS[:3]) == "churn: 1 ran, 2 unchanged"
    assert run_name("churn", [], "ingest") == "churn: failed at ingest"


def test_the_verdict_has_the_version_its_reasons_and_where_to_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.run_page import verdict

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    paths = Project(root=tmp_path).pipeline("churn")
    paths.reports.mkdir(parents=True)
    paths.report_page.write_text("")
    page = verdict(paths, [*RESULTS, result("train", "ran", "the class '<b>`x`'")])
    address = "http://127.0.0.1:5000/#/models/churn/versions/4?workflowType=machine_learning"
    assert f"**[Version 4]({address})** (challenger)" in page
    assert "- no sure difference, so the champion stays" in page
    assert f"`{paths.report_page}`" in page
    assert "the class '&lt;b>'x''" in page


def test_a_failed_run_says_what_to_do() -> None:
    from flows.run_page import what_to_do

    page = what_to_do("churn", "validate", GateError("validate: 40 % of the rows fail\n  age below 0"))
    assert "# validate failed" in page
    assert "The gate said no" in page
    assert "    validate: 40 % of the rows fail\n      age below 0" in page
    assert max(map(len, what_to_do("churn", "validate", GateError("word " * 100)).splitlines())) < 130
    assert "`modelwright run churn`" in page


def run_through(stages: dict[str, StageResult | UserError], paths: Any) -> Any:
    """The flow run as the server has it, its task runs' states by name, and its artifacts by key."""
    from prefect import flow, get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    from flows.training import _outcome_shown, run_stages

    @flow
    def chain() -> None:
        def run(stage: str) -> StageResult:
            outcome = stages[stage]
            if isinstance(outcome, UserError):
                raise outcome
            return outcome

        results: list[StageResult] = []
        with _outcome_shown(paths, list(stages), results):
            run_stages(list(stages), run, results)

    state = chain(return_state=True)
    run_id = state.state_details.flow_run_id
    from prefect.events.worker import EventsWorker

    EventsWorker.drain_all(timeout=10)

    async def read() -> Any:
        async with get_client() as client:
            of_run = FlowRunFilter(id=FlowRunFilterId(any_=[run_id]))
            for _ in range(100):
                task_runs = await client.read_task_runs(flow_run_filter=of_run)
                if len(task_runs) == len(stages) and all(one.state and one.state.is_final() for one in task_runs):
                    break
                await asyncio.sleep(0.2)
            artifacts = await client.read_artifacts(flow_run_filter=of_run)
            return (
                await client.read_flow_run(run_id),
                {one.name.split("-")[0]: one.state_name for one in task_runs},
                {one.key: str(one.data) for one in artifacts},
            )

    return asyncio.run(read())


@pytest.mark.chain
def test_an_unchanged_stage_is_shown_as_cached_and_the_run_by_its_outcome(
    server: dict[str, str], tmp_path: Path
) -> None:
    paths = Project(root=tmp_path).pipeline("churn")
    run, states, artifacts = run_through({one.stage: one for one in RESULTS}, paths)
    assert run.name == "churn: 2 ran, 1 restored, 2 unchanged, challenger"
    assert run.state_name == "Completed"
    expected = {"ingest": "Cached", "split": "Cached", "evaluate": "Cached"}
    assert states == {**expected, "train": "Completed", "register": "Completed"}
    assert "no sure difference" in artifacts["verdict-churn"]
    assert '"outcome": "restored"' in artifacts["training-churn"]


@pytest.mark.long
@pytest.mark.chain
def test_a_run_that_fails_is_named_so_and_its_page_says_what_to_do(server: dict[str, str], tmp_path: Path) -> None:
    paths = Project(root=tmp_path).pipeline("churn")
    error = UserError("params.yaml: train.lerning_rate is unknown; did you mean learning_rate?")
    run, states, artifacts = run_through({"ingest": RESULTS[0], "train": error}, paths)
    assert run.name == "churn: 1 unchanged, failed at train"
    assert run.state_name == "Failed"
    assert states == {"ingest": "Cached", "train": "Failed"}
    assert "did you mean learning_rate?" in artifacts["what-to-do-churn"]

    from prefect import flow, get_client
    from prefect.logging.handlers import APILogWorker
    from prefect.states import Scheduled

    from flows.run_logs import run_logs

    @flow
    def waiting() -> None:
        pass

    APILogWorker.drain_all(timeout=10)
    for called in ("churn: 1 unchanged", str(run.id)[:8]):
        logs = run_logs(called)
        assert (logs.name, logs.run_id, logs.state) == (run.name, str(run.id), "Failed")
        assert any("train.lerning_rate is unknown" in line for _, line in logs.lines)
    with get_client(sync_client=True) as client:
        # As a schedule has them, days ahead.
        client.create_flow_run(waiting, state=Scheduled(scheduled_time=datetime.now(UTC) + timedelta(days=1)))
    assert run_logs(None).run_id == str(run.id)
    with pytest.raises(UserError, match="no run whose name or id begins with letters; the last ones are churn"):
        run_logs("letters")


def words(page: str) -> str:
    """What stands on it."""
    return unescape(" ".join(re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL).split()))


@pytest.mark.chain
def test_the_pages_in_a_browser_have_outcome_verdict_and_table(server: dict[str, str], tmp_path: Path) -> None:
    paths = Project(root=tmp_path).pipeline("churn")
    paths.reports.mkdir(parents=True)
    paths.report_page.write_text("")
    run, _, _ = run_through({one.stage: one for one in RESULTS}, paths)
    pages, profile = server["PREFECT_API_URL"].removesuffix("/api"), tmp_path / "browser"

    page = words(shown(f"{pages}/runs/flow-run/{run.id}", profile))
    assert "churn: 2 ran, 1 restored, 2 unchanged, challenger Completed" in page
    assert "5 Task runs" in page
    assert "Artifacts" in page

    ids = {one.key: one.id for one in artifacts_of(run.id)}
    page = words(shown(f"{pages}/artifacts/artifact/{ids['verdict-churn']}", profile))
    assert "Verdict on churn" in page
    assert "no sure difference, so the champion stays" in page
    assert str(paths.report_page) in page
    page = words(shown(f"{pages}/artifacts/artifact/{ids['training-churn']}", profile))
    for result_of_stage in RESULTS:
        assert f"{result_of_stage.stage} {result_of_stage.outcome}" in page


@pytest.mark.chain
def test_the_page_of_a_refused_run_has_rule_numbers_picture_and_what_to_do(
    server: dict[str, str], tmp_path: Path
) -> None:
    paths = refused(tmp_path)
    error = GateError("register: the gate says no to this version of churn, and nothing was registered")
    run, _, _ = run_through({"evaluate": RESULTS[3], "register": error}, paths)
    pages, profile = server["PREFECT_API_URL"].removesuffix("/api"), tmp_path / "browser"
    ids = {one.key: one.id for one in artifacts_of(run.id)}

    table = words(shown(f"{pages}/artifacts/artifact/{ids['gate-churn']}", profile))
    assert re.search(r"accuracy NO 0\.8 0\.7 to 0\.9 0\.95 100 .*recall \(spam\) yes 0\.99", table)
    page = shown(f"{pages}/artifacts/artifact/{ids['what-to-do-churn']}", profile)
    assert "The gate said no" in words(page)
    assert "nothing was registered" in words(page)
    assert str(paths.report_page) in words(page)
    assert 'href="http://127.0.0.1:5000/#/models/churn?workflowType=machine_learning"' in page
    picture = shown(f"{pages}/artifacts/artifact/{ids['picture-churn']}", profile)
    assert re.search(r'<img[^>]* src="data:image/png;base64,iVBOR', picture)


def refused(root: Path) -> Paths:
    """What a version leaves that the gate refused, by one of two rules."""
    from PIL import Image

    paths = Project(root=root).pipeline("churn")
    paths.plots.mkdir(parents=True)
    paths.report_page.write_text("")
    Image.new("RGB", (40, 30), "orange").save(paths.plots / "confusion_matrix.png")
    accuracy = Measure(value=0.8, low=0.7, high=0.9, num_rows=100)
    recall = Measure(value=0.99, low=None, high=None, num_rows=None, of="spam")
    bounds: dict[Any, Bound] = {"recall": Bound(min=0.5), "accuracy": Bound(min=0.95)}
    files.write_json(paths.verdict, judge(bounds, {"accuracy": accuracy, "recall": recall}).model_dump(mode="json"))
    return paths


def artifacts_of(run_id: Any) -> Any:
    from prefect import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    with get_client(sync_client=True) as client:
        return client.read_artifacts(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run_id])))

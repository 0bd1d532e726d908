from __future__ import annotations

from tasks.chain import StageResult
from tasks.report import Report


def result(stage: str) -> StageResult:
    report = Report(stage=stage, figure="1,797 rows")
    return StageResult(stage=stage, outcome="ran", seconds=0.126, why=("never ran", "forced"), report=report)


def test_the_table_has_a_row_for_each_stage() -> None:
    from flows.training import stage_table

    assert stage_table([result("ingest")]) == [
        {"stage": "ingest", "outcome": "ran", "seconds": 0.13, "figure": "1,797 rows", "why": "never ran, forced"}
    ]


def test_an_artifact_key_has_no_underscore() -> None:
    from flows.training import artifact_key

    assert artifact_key("house_prices-2") == "house-prices-2"


def test_what_a_schedule_can_set_is_what_the_command_can() -> None:
    from flows.training import training

    assert training.name == "training"
    assert set(training.parameters.properties) == {"pipeline", "first", "last", "force"}
    assert training.parameters.required == ["pipeline"]

"""What finds the queue of the log full is dropped and counted; what cannot be written costs no other row its line."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from tasks.paths import Project
from tasks.serving import answer_log
from tasks.serving.answer_log import AnswerLog
from tasks.serving.logging_process import as_written
from tasks.serving.metrics import ServingMetrics
from tasks.serving.process import ProcessEndedError
from tasks.serving.request_error import Problem, RequestError
from tasks.serving.rows import RawRows, ServedColumn
from tasks.serving.version import ServedVersion
from tasks.tables.dialect import ColumnDialect
from tasks.tracking.registered import RegisteredModel

MODEL = RegisteredModel(
    name="shop", version=1, alias=None, packed=Path("packed"), model=Path("model"), recipe="", passport=None
)


def version(*columns: ServedColumn) -> ServedVersion:
    pool = cast(Any, None)
    return ServedVersion(model=MODEL, columns=columns, answering=pool, explaining=pool, known_by=("id",), ids=("id",))


def rows(count: int, **others: list[Any]) -> RawRows:
    return RawRows(columns={"age": [41] * count, "scan": ["x" * 90] * count}, num_rows=count, others=others)


class Disk:
    """In the place of the process: keeps what it gets, and says what it is told to say."""

    def __init__(self, *outcomes: dict[str, Any] | None) -> None:
        self.outcomes, self.parcels, self.is_closed = [*outcomes], list[dict[str, Any]](), False

    async def ask(self, content: dict[str, Any]) -> dict[str, Any]:
        self.parcels += content["parcels"]
        outcome = self.outcomes.pop(0)
        if outcome is None:
            raise ProcessEndedError("killed")
        return outcome

    async def close(self) -> None:
        self.is_closed = True


def counts(metrics: ServingMetrics) -> dict[str, float]:
    names = ("written", "dropped", "failed")
    return {name: metrics.logged.labels(name)._value.get() for name in names}


def log_to(disk: Disk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **more: Any) -> AnswerLog:
    async def started(_: object) -> Disk:
        return disk

    monkeypatch.setattr(answer_log, "start_process", started)
    return AnswerLog(project=Project(root=tmp_path), metrics=ServingMetrics(), scratch=tmp_path, **more)


def test_rows_that_find_no_room_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    disk = Disk({"num_written": 2, "num_failed": 0, "why": None})
    log = log_to(disk, monkeypatch, tmp_path, max_bytes=300)
    for _ in range(4):
        log.answered(version(), rows(1), {"prediction": ["yes"]}, "r", 1.0)
    asyncio.run(log.close())
    assert counts(log.metrics) == {"written": 2, "dropped": 2, "failed": 0}
    assert disk.is_closed


def test_images_are_left_out_where_rows_have_ids_and_refused_rows_come_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    disk = Disk({"num_written": 3, "num_failed": 0, "why": None})
    log = log_to(disk, monkeypatch, tmp_path)
    served = version(ServedColumn(name="age", type="number"), ServedColumn(name="scan", type="image"))
    log.answered(served, rows(1, id=[7]), {"prediction": ["yes"]}, None, None)
    log.answered(served, rows(1), {"prediction": ["yes"]}, None, None)
    refusal = RequestError(422, "row 2", [Problem(message="no number", row=2, column="age")])
    log.refused(served, rows(3, id=[1, 2, 3]), refusal, "r", 2.0)
    log.refused(served, rows(3), RequestError(422, "no such class", [Problem(message="no such class")]), "r", 2.0)
    asyncio.run(log.close())
    [parcel] = disk.parcels
    assert [one["rows"] for one in parcel["entries"]] == [
        {"age": [41], "id": [7]},
        {"age": [41], "scan": ["x" * 90]},
        {"age": [41], "id": [2]},
    ]
    assert [one["refused"] for one in parcel["entries"]] == [None, None, ["unreadable"]]


def test_rows_of_a_process_that_ended_are_counted_as_failed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    log = log_to(Disk(None), monkeypatch, tmp_path)
    log.answered(version(), rows(5), {"prediction": ["yes"] * 5}, None, 1.0)
    asyncio.run(log.close())
    assert counts(log.metrics) == {"written": 0, "dropped": 0, "failed": 5}


def test_nothing_is_kept_where_nothing_is_asked_for(tmp_path: Path) -> None:
    log = AnswerLog(project=None, metrics=ServingMetrics(), scratch=tmp_path)
    log.answered(version(), rows(5), {"prediction": ["yes"] * 5}, None, 1.0)
    asyncio.run(log.close())
    assert sum(counts(log.metrics).values()) == 0


@pytest.mark.parametrize(
    ("cell", "text"),
    [("01,5", "01,5"), (1.5, "1,5"), (7, "7"), (7.0, "7"), (True, "true"), (None, None), (["a"], '["a"]')],
)
def test_values_of_json_are_written_as_the_source_writes_them(cell: Any, text: str | None) -> None:
    assert as_written(cell, ColumnDialect(decimal=",")) == text

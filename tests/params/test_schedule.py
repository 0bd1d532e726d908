"""When flows run by themselves, and who is told: what is wrong is refused at load, with what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.errors import UserError
from tasks.params.file import check_pipeline
from tasks.params.pipeline import Pipeline
from tasks.params.schedule import RunSchedule

BLOCK: dict[str, Any] = {
    **{stage: {} for stage in ("validate", "split", "clean", "normalize", "augment", "evaluate")},
    "ingest": {"source": {"kind": "builtin", "name": "digits"}, "target": "digit"},
    "train": {"kind": "lightgbm"},
    "register": {"metric": "accuracy"},
}


def with_section(name: str, section: Any) -> Pipeline:
    return check_pipeline(Path("params.yaml"), "p", {**BLOCK, name: section})


def test_a_schedule_is_one_mapping_or_a_list_of_them() -> None:
    nightly = {"cron": "0 3 * * *", "timezone": "Europe/Berlin"}
    scoring = {"interval": "6h", "flow": "scoring", "source": "new.csv", "out": "answers.csv"}
    assert with_section("schedule", nightly).schedule == (RunSchedule(cron="0 3 * * *", timezone="Europe/Berlin"),)
    assert [each.flow for each in with_section("schedule", [nightly, scoring]).schedule] == ["training", "scoring"]
    assert check_pipeline(Path("params.yaml"), "p", BLOCK).schedule == ()


@pytest.mark.parametrize(("section", "shown"), [(None, "empty"), ("0 3 * * *", "'0 3 * * *'")])
def test_what_is_no_schedule_is_told_what_may_stand_there(section: str | None, shown: str) -> None:
    with pytest.raises(UserError) as refusal:
        with_section("schedule", section)
    expected = f"pipelines.p.schedule must be a mapping of keys to values, or a list of such (it is {shown})"
    assert str(refusal.value).endswith(expected)


@pytest.mark.parametrize("wrong", [{"cron": "soon"}, {"corn": "0 3 * * *"}])
def test_a_mapping_alone_is_named_as_it_stands_in_the_file_and_one_of_a_list_by_its_number(wrong: Any) -> None:
    (key,) = wrong
    with pytest.raises(UserError, match=rf"pipelines\.p\.schedule\.{key}\b"):
        with_section("schedule", wrong)
    with pytest.raises(UserError, match=rf"pipelines\.p\.schedule\.1\.{key}\b"):
        with_section("schedule", [{"interval": "6h"}, wrong])


def test_an_empty_list_is_no_advice_to_write_none() -> None:
    with pytest.raises(UserError, match=r"retrain must be a list \(it is empty\); write it, or take it out"):
        with_section("monitor", {"retrain": None})


@pytest.mark.parametrize(
    ("interval", "seconds"), [("1m", 60), ("90m", 5_400), ("6h", 21_600), ("1d", 86_400), ("7d", 604_800)]
)
def test_an_interval_is_a_number_and_its_unit(interval: str, seconds: float) -> None:
    assert RunSchedule(interval=interval).seconds == seconds


@pytest.mark.parametrize(
    ("schedule", "complaint"),
    [
        ({"cron": "0 25 * * *"}, "is no cron: Bad hour; write minute, hour"),
        ({"cron": "soon"}, "has 1 fields, and cron has five; write minute, hour"),
        ({"cron": "0 0 3 * * *"}, "has 6 fields"),
        ({"cron": "0 0 31 4,6 *"}, "is no cron: Bad day-of-month"),
        ({"interval": "6x"}, "write a whole number and m, h or d"),
        ({"interval": "0h"}, "write a whole number and m, h or d"),
        ({}, "give cron or interval, one of the two"),
        ({"cron": "0 3 * * *", "interval": "6h"}, "give cron or interval, one of the two"),
        ({"corn": "0 3 * * *"}, "corn is unknown; did you mean cron?"),
        ({"cron": "0 3 * * *", "timezone": "Europe/Berlni"}, "did you mean Europe/Berlin?"),
        ({"cron": "0 3 * * *", "timezone": "../etc/passwd"}, "there is no such timezone"),
        ({"cron": "0 3 * * *", "flow": "scoring"}, "flow scoring needs `source`"),
        ({"cron": "0 3 * * *", "source": "a.csv"}, "source is of flow scoring, and the flow is training; take it out"),
        ([{"interval": "6h"}, {"cron": "0 3 * * *"}], "schedule says twice when training runs"),
    ],
)
def test_a_wrong_schedule_is_refused_with_what_to_do(schedule: Any, complaint: str) -> None:
    with pytest.raises(UserError) as refused:
        with_section("schedule", schedule)
    assert str(refused.value).startswith("params.yaml: pipelines.p")
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    "cron",
    ["0 3 * * *", "*/15 * * * *", "0 3 * * 1-5", "0 3,15 1 * *", "30 4 * jan,jul sun", "0 0 29 2 *", "59 23 31 12 7"],
)
def test_what_is_taken_is_cron_for_prefect_too_and_due_at_the_same_time(cron: str) -> None:
    import asyncio
    from datetime import UTC, datetime

    from cronsim import CronSim
    from prefect.server.schemas.schedules import CronSchedule

    start = datetime(2026, 1, 1, tzinfo=UTC)
    [first] = asyncio.run(CronSchedule(cron=cron, timezone="Etc/UTC").get_dates(n=1, start=start))
    assert RunSchedule(cron=cron).cron == cron
    assert first in (start, next(CronSim(cron, start)))


@pytest.mark.parametrize(
    ("notify", "complaint"),
    [
        ({"block": "ops"}, "write the block's type and its name, such as slack-webhook/ops"),
        ({"on": ["failed"]}, "block is missing"),
        ({"block": "slack-webhook/ops", "on": []}, "is an empty list; name one at least, or take it out"),
        ({"block": "slack-webhook/ops", "on": ["fialed"]}, "'failed', 'refused' or 'promoted'"),
        ({"block": "email-server-credentials/ops"}, "an e-mail needs `to`"),
        ({"block": "email-server-credentials/ops", "to": ["me"]}, "me is no address; write it like me@example.org"),
        ({"block": "slack-webhook/ops", "to": ["me@example.org"]}, "`to` is of block email-server-credentials"),
    ],
)
def test_a_wrong_notification_is_refused_with_what_to_do(notify: Any, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint.replace("?", r"\?")):
        with_section("notify", notify)

"""Watching, end to end, by a registered model: answers are logged, labels come, and each window is looked at once."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from tasks.command import cli
from tasks.errors import UserError
from tasks.monitoring.feedback import FeedbackOutcome, take_labels
from tasks.monitoring.look import Look, look_at
from tasks.params.monitor import Monitor
from tasks.paths import Paths
from tasks.prediction_log.log import logged_rows
from tasks.scoring import job
from tasks.scoring.job import score
from tasks.tracking.registered import registered_model
from tests.scoring.shop import PARAMS, answered_by_one_process, lines, registered_shop, request, write
from tests.trained import elsewhere

pytestmark = pytest.mark.chain

DAY, BEGIN = timedelta(days=1), datetime(2026, 3, 1, 9)
MONITOR = "    monitor: {log: true, min_rows: 50, mask: [ort]}\n"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Paths]:
    with elsewhere(tmp_path_factory, empty_store) as root:
        paths = registered_shop(root)
        (root / "params.yaml").write_text(PARAMS + MONITOR)
        with answered_by_one_process(paths, job):
            yield paths


def answer(shop: Paths, day: int, rows: list[str]) -> None:
    """All rows of a day at once."""
    source = write(shop.project.root / f"day-{day}.csv", rows)
    score(request(shop, source, shop.project.root / "answers.csv", time=BEGIN + day * DAY))


def label(shop: Paths, day: int, rows: list[str]) -> FeedbackOutcome:
    """Rows with ids and the target, on that day."""
    source = write(shop.project.root / f"labels-{day}.csv", rows, "kunde;kauft")
    model = registered_model(shop.project, "shop")
    return take_labels(shop.project, model, {"kind": "table", "path": str(source)}, BEGIN + day * DAY)


def look(shop: Paths, day: int) -> Look:
    return look_at(shop.project, registered_model(shop.project, "shop"), BEGIN + day * DAY)


def older(rows: list[str]) -> list[str]:
    """The same rows of people who are all past seventy."""
    cells = [row.split(";") for row in rows]
    return [";".join([one[0], str(random.Random(one[0]).randint(71, 80)), *one[2:]]) for one in cells]


def truth(rows: list[str], *, turned: bool = False) -> list[str]:
    """Labels by the rule of the shop, or by its contrary."""
    pairs = [(row.split(";")[0], row.split(";")[1]) for row in rows if row.split(";")[1] != "k.A."]
    return [f"{name};{'ja' if (int(age) > 50) != turned else 'nein'}" for name, age in pairs]


def test_from_the_first_answer_to_an_alarm(shop: Paths, tmp_path: Path) -> None:
    days = [lines(120, seed=day + 10) for day in range(4)]
    for day, rows in enumerate(days):
        answer(shop, day, older(rows) if day == 3 else [*rows, "K;alt;Ulm;1,00;01.01.2024"])
    logged = logged_rows(shop, 1, date(2026, 3, 1), date(2026, 3, 2))
    assert logged is not None
    assert (logged.height, logged["error"].drop_nulls().to_list()) == (121, ["unreadable"])
    assert {row["ort"] for row in logged["row"].to_list()} == {"xxx", "xxxx"}
    # Today is not over.
    calm = look(shop, 3)
    assert (calm.state, calm.num_new_rows, len(calm.rows), calm.num_waiting) == ("healthy", 3, 3, 0)
    assert [(one.num_rows, one.num_errors, one.begin.day) for one in calm.rows] == [
        (121, 1, 1),
        (121, 1, 2),
        (121, 1, 3),
    ]
    assert calm.rows[0].estimates[0].metric == "accuracy"
    # What was looked at is not looked at again.
    assert (look(shop, 3).num_new_rows, look(shop, 3).state) == (0, "healthy")
    alarm = look(shop, 4)
    assert (alarm.state, alarm.num_new_rows) == ("drifted", 1)
    changes = {change.column for change in alarm.rows[-1].changes}
    assert "alter" in changes
    assert not changes & {"ort", "umsatz", "seit"}
    assert {rule.rule for rule in alarm.rows[-1].fired} == {"drifted_columns", "drifted_answers"}
    assert "alter: half of the values lie below some 7" in alarm.rows[-1].fired[0].sentence


def test_labels_find_their_rows_and_tell_that_the_answers_have_become_worse(shop: Paths, tmp_path: Path) -> None:
    days = [lines(120, seed=day + 10) for day in range(3)]
    outcome = label(shop, 5, [*truth(days[0]), "nobody;ja", "K10-1;vielleicht"])
    assert (outcome.num_new, outcome.rules) == (112, {"unknown row": 1, "unreadable label": 1})
    assert outcome.quarantine is not None
    assert pl.read_parquet(outcome.quarantine)["kunde"].to_list() == ["nobody", "K10-1"]
    fine = look(shop, 6)
    assert (fine.num_new_labels, fine.labels[-1].num_rows) == (1, 112)
    accuracy = fine.labels[-1].metrics[0]
    assert accuracy.low is not None
    assert accuracy.low < accuracy.value
    assert accuracy.value > 0.8
    assert fine.labels[-1].fired == ()
    # A correction counts, and makes no window of its own.
    name, said = truth(days[0])[0].split(";")
    assert label(shop, 6, [f"{name};{'ja' if said == 'nein' else 'nein'}"]).num_corrected == 1
    label(shop, 7, truth(days[1], turned=True))
    worse = look(shop, 8)
    assert (worse.state, worse.num_new_labels) == ("degraded", 1)
    assert [rule.rule for rule in worse.labels[-1].fired] == ["larger_loss"]
    assert worse.labels[-1].metrics[0].value < 0.2


def test_the_commands_take_labels_write_the_page_and_end_with_3_while_a_rule_fires(
    shop: Paths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(shop.project.root)
    rows = truth(lines(120, seed=12))
    write(shop.project.root / "more.csv", rows, "kunde;kauft")
    assert cli.main(["feedback", "shop", "more.csv"]) == 0
    assert f"{len(rows)} labels: {len(rows)} new, 0 corrected" in capsys.readouterr().out
    assert cli.main(["watch", "shop", "--json"]) == 3
    content = json.loads(capsys.readouterr().out)
    assert (content["state"], content["model"]["version"], len(content["rows"])) == ("degraded", 1, 4)
    assert {rule["rule"] for rule in content["fired"]} == {"drifted_columns", "drifted_answers", "larger_loss"}
    assert cli.main(["watch", "shop"]) == 3
    assert "larger_loss: answers are surely worse than of test rows" in capsys.readouterr().out
    assert "shop version 1" in (shop.reports / "monitoring.html").read_text()
    monkeypatch.chdir(shop.project.root / "elsewhere")


def test_without_a_log_there_is_nothing_to_look_at_and_what_to_do_is_told(shop: Paths, tmp_path: Path) -> None:
    model = registered_model(shop.project, "shop")
    with pytest.raises(UserError, match="none of its answers were logged") as refused:
        look_at(shop.project, replace(model, version=9))
    assert "modelwright predict shop SOURCE" in str(refused.value)
    # The pipeline logs already, so that it is not told to.
    assert "log: true" not in str(refused.value)
    assert Monitor().log is False

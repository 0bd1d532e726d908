from __future__ import annotations

import polars as pl

from tasks.tracking.tags import TEST_ROWS_TAG
from tasks.tracking.trainings import TrainingRun
from tasks.trials.board import board
from tasks.trials.trial import Trial
from tests.trials.test_pairs import classes, numbers
from tests.trials.test_parameters import pipeline


def trial(name: str, rows: str | None, metrics: dict[str, float] | None = None) -> Trial:
    tags = {TEST_ROWS_TAG: rows} if rows else {}
    return Trial(
        training=TrainingRun(
            experiment_id="1",
            run_id=name,
            name=name,
            started=0.0,
            model=name,
            params={},
            metrics=metrics or {},
            tags=tags,
        )
    )


def test_the_best_comes_first_and_a_sure_distance_is_told() -> None:
    tables = {
        "poor": classes(range(500), 0.6, 1),
        "best": classes(range(500), 0.91, 2),
        "near": classes(range(500), 0.88, 3),
    }
    places = board([trial(name, "same") for name in tables], pipeline(), lambda one: tables[one.training.run_id])
    told = [(place.rank, place.trial.training.name, place.against_best) for place in places]
    assert told == [(1, "best", "the best"), (2, "near", "no sure difference"), (3, "poor", "surely worse")]
    assert all(place.low < place.value < place.high for place in places)
    assert {place.num_rows for place in places} == {500}


def test_who_was_judged_on_other_rows_has_no_rank_however_good() -> None:
    tables: dict[str, pl.DataFrame | None] = {
        "new": classes(range(200), 0.7, 1),
        "other": classes(range(200, 400), 1.0, 2),
        "early": None,
    }
    trials = [trial("new", "today's"), trial("other", "others", {"test_accuracy": 1.0}), trial("early", None)]
    places = board(trials, pipeline(), lambda one: tables[one.training.run_id])
    assert [(place.rank, place.value) for place in places[1:]] == [(None, 1.0), (None, None)]
    assert [place.against_best for place in places] == ["the best", "other test rows", "answers not kept"]


def test_where_less_is_better_the_least_comes_first() -> None:
    tables = {"far": numbers(range(300), 5.0, 1), "close": numbers(range(300), 1.0, 2)}
    config = pipeline(register={"metric": "rmse"})
    places = board([trial(name, "same") for name in tables], config, lambda one: tables[one.training.run_id])
    assert [place.trial.training.name for place in places] == ["close", "far"]
    assert places[1].against_best == "surely worse"

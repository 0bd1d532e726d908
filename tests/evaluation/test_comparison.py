"""Champion and challenger on the same rows, when classes, spellings and kinds of answers differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import accuracy_score, log_loss, root_mean_squared_error

from tasks.evaluation.comparison import compare
from tasks.evaluation.judged_rows import JudgedRows, judged_rows
from tasks.evaluation.predictions import Predictions
from tasks.params.evaluate import Evaluate
from tasks.promotion.contest import NotComparableError
from tasks.repair.repair import Repair
from tasks.tables import storage
from tests.small_tables import described, pipeline_in

NUM_ROWS = 300


def scores(seed: int, y_true: np.ndarray, num_classes: int, skill: float) -> np.ndarray:
    random = np.random.default_rng(seed)
    drawn = random.dirichlet(np.ones(num_classes), len(y_true))
    return (1 - skill) * drawn + skill * np.eye(num_classes)[y_true]


def answered(classes: list[str], y_score: np.ndarray) -> pl.DataFrame:
    frame = pl.DataFrame({f"probability_{name}": y_score[:, number] for number, name in enumerate(classes)})
    return frame.with_columns(prediction=pl.Series([classes[number] for number in y_score.argmax(axis=1)]))


def judged(classes: tuple[str, ...], y_true: np.ndarray, y_score: np.ndarray, **more) -> JudgedRows:
    return JudgedRows(classes=classes, predictions=Predictions(y_true=y_true, y_score=y_score), **more)


@pytest.fixture
def y_true() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 2, NUM_ROWS)


def test_classes_are_matched_by_name(y_true):
    """The champion counts its classes the other way round."""
    ours, theirs = scores(1, y_true, 2, 0.5), scores(2, y_true, 2, 0.2)
    rows = judged(("no", "yes"), y_true, ours)
    comparison = compare("log_loss", rows, answered(["yes", "no"], theirs[:, ::-1]), Evaluate())
    assert comparison.challenger == pytest.approx(log_loss(y_true, ours), rel=1e-12)
    assert comparison.champion == pytest.approx(log_loss(y_true, theirs), rel=1e-12)
    # Of a loss less is better, and the interval is that of the gain.
    gain = comparison.champion - comparison.challenger
    assert 0 < comparison.low < gain < comparison.high
    assert (comparison.num_rows, comparison.num_groups, comparison.notes) == (NUM_ROWS, None, ())


def test_each_answers_by_its_own_threshold(y_true):
    ours, theirs = scores(1, y_true, 2, 0.5), scores(2, y_true, 2, 0.5)
    by_ours, by_theirs = (ours[:, 1] >= 0.2).astype(np.int64), (theirs[:, 1] >= 0.9).astype(np.int64)
    predictions = Predictions(y_true=y_true, y_score=ours, answered=by_ours)
    rows = JudgedRows(classes=("no", "yes"), predictions=predictions)
    champion = answered(["no", "yes"], theirs).with_columns(
        prediction=pl.Series(np.array(["no", "yes"])[by_theirs].tolist())
    )
    comparison = compare("accuracy", rows, champion, Evaluate())
    assert comparison.challenger == pytest.approx(accuracy_score(y_true, by_ours))
    assert comparison.champion == pytest.approx(accuracy_score(y_true, by_theirs))
    assert compare("roc_auc", rows, champion, Evaluate()).champion != comparison.champion


def test_intervals_and_sets_beside_the_answers_change_nothing(y_true):
    ours, theirs = scores(1, y_true, 2, 0.5), scores(2, y_true, 2, 0.2)
    rows, champion = judged(("no", "yes"), y_true, ours), answered(["no", "yes"], theirs)
    with_sets = champion.with_columns(prediction_set=pl.lit('["no"]'))
    assert compare("log_loss", rows, with_sets, Evaluate()) == compare("log_loss", rows, champion, Evaluate())
    numbers = judged((), y_true.astype(np.float64), ours[:, 1])
    answers = pl.DataFrame({"prediction": theirs[:, 1]})
    with_ends = answers.with_columns(prediction_low=pl.lit(0.0), prediction_high=pl.lit(1.0))
    assert compare("rmse", numbers, with_ends, Evaluate()) == compare("rmse", numbers, answers, Evaluate())


def test_a_class_that_only_one_of_them_knows(y_true):
    """Of the new class the champion is always wrong; of the old one the challenger has no answer."""
    y_true = np.where(np.arange(NUM_ROWS) < 30, 2, y_true)
    ours = scores(1, y_true, 3, 0.4)
    theirs = scores(2, np.minimum(y_true, 1), 3, 0.4)
    rows = judged(("a", "b", "new"), y_true, ours)
    comparison = compare("accuracy", rows, answered(["a", "b", "old"], theirs), Evaluate())
    answers = np.array(["a", "b", "old"])[theirs.argmax(axis=1)]
    assert comparison.champion == pytest.approx(accuracy_score(np.array(["a", "b", "new"])[y_true], answers))
    assert comparison.notes == ("the champion does not know the class 'new', of which 30 test rows are",)


def test_spellings_that_are_one_class_today_are_one_class_of_the_champion(y_true):
    theirs = scores(2, y_true, 2, 0.9)
    halves = np.column_stack([theirs[:, 0], theirs[:, 1] / 2, theirs[:, 1] / 2])
    rows = judged(("no", "Yes"), y_true, scores(1, y_true, 2, 0.5), repair=Repair(replace={"yes": "Yes", "YES": "Yes"}))
    comparison = compare("accuracy", rows, answered(["no", "yes", "YES"], halves), Evaluate())
    assert comparison.champion == pytest.approx(accuracy_score(y_true, theirs.argmax(axis=1)))
    assert comparison.notes == ()


def test_the_positive_class_is_that_of_the_settings(y_true):
    rows = judged(("no", "yes"), y_true, scores(1, y_true, 2, 0.3))
    champion = answered(["no", "yes"], scores(2, y_true, 2, 0.3))
    first, last = (compare("recall", rows, champion, Evaluate(positive=name)) for name in ("no", "yes"))
    assert first.challenger != last.challenger


def test_numbers_are_compared_at_full_precision():
    random = np.random.default_rng(3)
    y_true = 1e9 + random.normal(size=NUM_ROWS)
    ours, theirs = y_true + random.normal(size=NUM_ROWS) / 2, y_true + random.normal(size=NUM_ROWS)
    comparison = compare("rmse", judged((), y_true, ours), pl.DataFrame({"prediction": theirs}), Evaluate())
    assert comparison.challenger == pytest.approx(root_mean_squared_error(y_true, ours), rel=1e-12)
    assert comparison.champion == pytest.approx(root_mean_squared_error(y_true, theirs), rel=1e-12)
    assert comparison.low > 0


@pytest.mark.parametrize(
    ("classes", "champion", "reason"),
    [
        (("no", "yes"), {"prediction": [1.0] * NUM_ROWS}, "answers with a number, and the target has classes now"),
        ((), {"prediction": ["no"] * NUM_ROWS}, "answers with classes, and the target is a number now"),
        ((), {"prediction": [1.0] * 3}, "it answered 3 of 300 rows"),
        ((), {"prediction": [float("nan")] * NUM_ROWS}, "its answers are not all finite numbers"),
    ],
)
def test_answers_to_another_question_are_not_compared(y_true, classes, champion, reason):
    y_score = scores(1, y_true, 2, 0.5) if classes else y_true.astype(float)
    with pytest.raises(NotComparableError, match=reason):
        compare("accuracy" if classes else "rmse", judged(classes, y_true, y_score), pl.DataFrame(champion), Evaluate())


def test_a_single_group_tells_nothing_of_others(y_true):
    rows = judged(("no", "yes"), y_true, scores(1, y_true, 2, 0.5), groups=np.zeros(NUM_ROWS, dtype=np.int64))
    with pytest.raises(NotComparableError, match="single group"):
        compare("accuracy", rows, answered(["no", "yes"], scores(2, y_true, 2, 0.5)), Evaluate())


def test_groups_come_from_the_clean_rows(tmp_path: Path, y_true):
    paths = pipeline_in(tmp_path)
    answers = Predictions(y_true=y_true, y_score=scores(1, y_true, 2, 0.5))
    storage.write_parts(paths.predicted, answers.as_table().iter_slices(70))
    patients = pl.Series("patient", [None if n < 10 else f"p{n // 10}" for n in range(NUM_ROWS)])
    storage.write_parts(paths.clean("test"), pl.DataFrame([patients]).iter_slices(40))
    dataset = described({"patient": ("category", "group"), "label": ("category", "target")})
    rows = judged_rows(paths, dataset, ("no", "yes"))
    np.testing.assert_array_equal(rows.predictions.y_score, answers.y_score)
    comparison = compare("accuracy", rows, answered(["no", "yes"], scores(2, y_true, 2, 0.5)), Evaluate())
    # 29 patients, and ten rows that are nobody's.
    assert comparison.num_groups == 39


def test_rows_that_the_champion_was_trained_on_count_for_nobody(y_true):
    """It knows half of them by heart: with them it seems better, and without them it is as good as a toss."""
    ours = scores(1, y_true, 2, 0.3)
    learnt = np.arange(NUM_ROWS) < NUM_ROWS // 2
    theirs = np.where(learnt[:, None], np.eye(2)[y_true], scores(2, y_true, 2, 0.0))
    rows, champion = judged(("no", "yes"), y_true, ours), answered(["no", "yes"], theirs)
    flattered = compare("accuracy", rows, champion, Evaluate())
    fair = compare("accuracy", rows, champion, Evaluate(), learnt=learnt)
    assert flattered.low < 0
    assert fair.low > 0
    assert (fair.num_rows, fair.num_left_out) == (NUM_ROWS // 2, NUM_ROWS // 2)
    assert fair.champion == pytest.approx(accuracy_score(y_true[~learnt], theirs[~learnt].argmax(axis=1)))
    with pytest.raises(NotComparableError, match="trained on all of the test rows"):
        compare("accuracy", rows, champion, Evaluate(), learnt=np.ones(NUM_ROWS, dtype=np.bool_))


def test_one_row_or_one_of_a_class_tells_nothing_of_others(y_true):
    rows, champion = (
        judged(("no", "yes"), y_true, scores(1, y_true, 2, 0.3)),
        answered(["no", "yes"], scores(2, y_true, 2, 0.3)),
    )
    with pytest.raises(NotComparableError, match="a single test row is left"):
        compare("accuracy", rows, champion, Evaluate(), learnt=np.arange(NUM_ROWS) > 0)
    learnt = (y_true == 1) & (np.arange(NUM_ROWS) > int(np.flatnonzero(y_true)[0]))
    with pytest.raises(NotComparableError, match=r"roc_auc of the .* test rows .* of a class there are too few"):
        compare("roc_auc", rows, champion, Evaluate(), learnt=learnt)

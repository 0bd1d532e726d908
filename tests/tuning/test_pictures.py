from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from tasks.params.search_space import Choices, NumberRange
from tasks.paths import Project
from tasks.tuning import pictures
from tasks.tuning.outcome import TuningOutcome
from tasks.tuning.pictures import pictures_of, ticks_of, write_pictures
from tasks.tuning.trials import TunedTrial

SPACE = {
    "train.learning_rate": NumberRange(low=0.01, high=0.3, whole=False, log=True),
    "train.num_leaves": NumberRange(low=2, high=31, whole=True, log=False),
    "train.max_depth": Choices(values=(None, 3)),
    "normalize.number.scale": Choices(values=("none", "standard")),
}


def outcome(num_trials: int, importance: dict[str, float]) -> TuningOutcome:
    trials = [
        TunedTrial(
            number=number + 1,
            state="finished",
            values={
                "train.learning_rate": 0.02 * (number + 1),
                "train.num_leaves": 2 + number,
                "train.max_depth": [None, 3][number % 2],
                "normalize.number.scale": ["none", "standard"][number % 2],
            },
            scores=(0.5 + number / 20, 0.6),
            seconds=1.0,
            started=0.0,
        )
        for number in range(num_trials)
    ]
    return TuningOutcome(
        pipeline="churn",
        metric="roc_auc",
        maximize=True,
        num_rows=100,
        in_time=False,
        space=SPACE,
        trials=trials,
        as_it_is=(0.55, 0.56),
        now=dict.fromkeys(SPACE),
        nested=0.6,
        importance=importance,
    )


def test_the_same_trials_are_the_same_pictures(tmp_path: Path) -> None:
    shares = {"train.learning_rate": 0.8, "train.num_leaves": 0.2}
    drawn = pictures_of(outcome(6, shares))
    assert list(drawn) == ["history", "slices", "importance"]
    assert drawn == pictures_of(outcome(6, shares))
    paths = Project(root=tmp_path).pipeline("churn")
    write_pictures(paths, outcome(6, shares))
    write_pictures(paths, outcome(6, {}))
    assert sorted(file.name for file in paths.tuning_pictures.iterdir()) == ["history.png", "slices.png"]


def test_without_a_finished_trial_there_is_nothing_to_draw() -> None:
    assert pictures_of(outcome(0, {})) == {}


def test_axes_are_labelled_with_numbers_and_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    def texts(size: tuple[float, float], theme: object, draw: object) -> bytes:
        figure = Figure(figsize=size, layout="constrained")
        draw(figure, pictures.LIGHT)  # type: ignore[operator]
        figure.draw_without_rendering()
        shown.extend(text.get_text() for text in figure.findobj(Text))
        return b""

    monkeypatch.setattr(pictures, "png", texts)
    pictures_of(outcome(6, {}))
    assert {"0.01", "0.055", "0.3", "2", "16", "31", "None", "3", "none", "standard"} <= set(shown)
    assert not [text for text in shown if "$" in text]


def test_ticks_are_the_ends_and_the_middle() -> None:
    assert ticks_of(NumberRange(low=1, high=100, whole=True, log=True)) == [1, 10, 100]
    assert ticks_of(NumberRange(low=0.0, high=0.5, whole=False, log=False)) == [0.0, 0.25, 0.5]

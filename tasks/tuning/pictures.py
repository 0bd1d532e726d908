"""Pictures of a search, as PNG: how it went, which settings mattered, and each setting against the score."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import accumulate
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks import files
from tasks.evaluation.drawing import LIGHT, Theme, dress, png, short
from tasks.params.search_space import Choices, NumberRange
from tasks.paths import Paths
from tasks.tuning.outcome import TuningOutcome
from tasks.tuning.trials import TunedTrial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def write_pictures(paths: Paths, outcome: TuningOutcome) -> None:
    """reports/PIPELINE/tuning/: history.png, slices.png, and importance.png where shares can be told."""
    pictures = pictures_of(outcome)
    with files.aside(paths.tuning_pictures) as draft:
        draft.mkdir()
        for name, content in pictures.items():
            (draft / f"{name}.png").write_bytes(content)


def pictures_of(outcome: TuningOutcome) -> dict[str, bytes]:
    """PNGs by name; none where no trial finished."""
    finished = [trial for trial in outcome.trials if trial.state == "finished"]
    if not finished:
        return {}
    pictures = {"history": _history(outcome, finished), "slices": _slices(outcome, finished)}
    if outcome.importance:
        pictures["importance"] = _importance(outcome.importance)
    return pictures


def _history(outcome: TuningOutcome, finished: list[TunedTrial]) -> bytes:
    """Each trial as a dot, the best so far as a line, and params.yaml as it stood."""
    numbers, means = [trial.number for trial in finished], [trial.mean for trial in finished]
    best = list(accumulate(means, max if outcome.maximize else min))

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.add_subplot()
        axes.axhline(fmean(outcome.as_it_is), color=theme.muted, linewidth=1, linestyle=(0, (4, 3)), label="as it is")
        axes.scatter(numbers, means, s=16, color=theme.blue, alpha=0.6, linewidths=0, label="a trial")
        axes.step(numbers, best, where="post", color=theme.orange, linewidth=2, label="the best so far")
        axes.legend(frameon=False, labelcolor=theme.ink, fontsize=9)
        axes.locator_params(axis="x", integer=True)
        dress(axes, theme, "trial", outcome.metric)

    return png((6.4, 3.6), LIGHT, draw)


def _importance(importance: Mapping[str, float]) -> bytes:
    names = [*importance]

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.add_subplot()
        places = np.arange(len(names))
        axes.barh(places, [importance[name] for name in names], color=theme.blue, height=0.6)
        axes.set_yticks(places, [short(name, 36) for name in names])
        axes.set(ylim=(len(names) - 0.5, -0.5), xlim=(0, None))
        dress(axes, theme, "share of what sets the best trials apart", "")

    return png((6.4, 1.1 + 0.28 * len(names)), LIGHT, draw)


def _slices(outcome: TuningOutcome, finished: list[TunedTrial]) -> bytes:
    """A plot a setting: its value in each trial against the score, the best one in orange."""
    names = [*outcome.space]
    columns = min(3, len(names))
    rows = -(-len(names) // columns)

    def draw(figure: Figure, theme: Theme) -> None:
        grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
        for number, axes in enumerate(grid.flat):
            if number >= len(names):
                axes.set_axis_off()
                continue
            _slice(axes, theme, names[number], outcome, finished, is_first=number % columns == 0)

    return png((3.2 * columns, 2.6 * rows), LIGHT, draw)


def _slice(
    axes: Axes, theme: Theme, name: str, outcome: TuningOutcome, finished: list[TunedTrial], *, is_first: bool
) -> None:
    values = outcome.space[name]
    across = [_place(values, trial.values[name]) for trial in finished]
    axes.scatter(across, [trial.mean for trial in finished], s=14, color=theme.blue, alpha=0.6, linewidths=0)
    if outcome.best is not None:
        axes.plot(_place(values, outcome.best.values[name]), outcome.best.mean, "o", color=theme.orange, markersize=6)
    if isinstance(values, Choices):
        axes.set_xticks(range(len(values.values)), [short(str(value), 10) for value in values.values])
    else:
        if values.log:
            axes.set_xscale("log")
            axes.minorticks_off()
        ticks = ticks_of(values)
        # matplotlib's own labels of a logarithm are formulas, which are not set here.
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    dress(axes, theme, short(name.partition(".")[2], 28), outcome.metric if is_first else "")


def ticks_of(values: NumberRange) -> list[float]:
    """The ends and the middle, with few digits."""
    middle = math.sqrt(values.low * values.high) if values.log else (values.low + values.high) / 2
    return [values.low, round(middle) if values.whole else float(f"{middle:.2g}"), values.high]


def _place(values: NumberRange | Choices, value: Any) -> float:
    if isinstance(values, Choices):
        return float(next(number for number, one in enumerate(values.values) if _alike(one, value)))
    return float(value)


def _alike(one: Any, value: Any) -> bool:
    return type(one) is type(value) and bool(one == value)

"""Pictures of how a model learnt and where it errs, as PNG bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation.confidence import RiskCoverage
from tasks.evaluation.drawing import LIGHT, Plot, Theme, dress, picture, png, short
from tasks.evaluation.metrics import Reliability

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.floating[Any]]

_MOST_NUMBERED_CLASSES = 20
"""A confusion matrix with more classes has no room for a number in each cell."""
_MOST_NAMED_CLASSES = 40


def learning_curves(history: Mapping[str, Floats], unit: str = "epoch") -> list[Plot]:
    """A picture for the loss and one for another measure by epoch or tree; none when there is no curve to draw.

    `history` are the columns [E] of history.csv: `epoch`, and PART_MEASURE such as train_loss and validation_loss.
    """
    if len(history["epoch"]) < 2:
        return []
    return [_learning_curve(history["epoch"], unit, measure, parts) for measure, parts in _measures(history).items()]


def confusion_matrix(classes: Sequence[str], counts: NDArray[np.int64]) -> Plot:
    """Rows by actual class (down) and answered class (across), [K, K]; hits in blue, mistakes in orange."""

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.add_subplot()
        colours = _confusion_colours(counts, theme)
        # Any other interpolation would blend a cell into its neighbours.
        axes.imshow(colours, aspect="equal", interpolation="nearest")
        _name_classes(axes, classes)
        dress(axes, theme, "answered", "actual")
        axes.tick_params(length=0)
        if len(classes) <= _MOST_NUMBERED_CLASSES:
            _number_cells(axes, counts, colours, theme)

    hits, total = int(np.trace(counts)), int(counts.sum())
    alt = f"Confusion matrix of {len(classes)} classes: {hits} of {total} test rows lie on the diagonal."
    wider = 1 if len(classes) <= 10 else 1.3
    return picture("confusion_matrix", "Confusion matrix", alt, (4.9 * wider, 4.2 * wider), draw)


def roc_curve(positive: str, actual: NDArray[np.bool_], probability: Floats) -> Plot:
    """Positives found against false alarms as the threshold falls; `probability` [N] is that of the positive class."""
    from sklearn.metrics import roc_auc_score
    from sklearn.metrics import roc_curve as curve

    false_positive_rate, true_positive_rate, _ = curve(actual, probability)

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color=theme.muted, linewidth=1, linestyle=(0, (4, 3)))
        axes.plot(false_positive_rate, true_positive_rate, color=theme.blue, linewidth=2)
        axes.fill_between(false_positive_rate, true_positive_rate, color=theme.blue, alpha=0.1, linewidth=0)
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
        dress(axes, theme, "false alarms (false positive rate)", "found (true positive rate)")

    alt = f"ROC curve of the class {positive}: the area under it is {roc_auc_score(actual, probability):.4f}."
    return picture("roc_curve", "ROC curve", alt, (4.9, 3.9), draw)


def calibration(bins: Reliability, claim: str) -> Plot:
    """Claimed probability against what came true, above how many rows claim so; `claim` names what is claimed."""

    def draw(figure: Figure, theme: Theme) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        upper.plot([0, 1], [0, 1], color=theme.muted, linewidth=1, linestyle=(0, (4, 3)))
        # Dots grow with their rows: the place of a bin with two rows in it is chance.
        sizes = 20 + 140 * bins.num_rows / bins.num_rows.max()
        upper.scatter(bins.claimed, bins.observed, s=sizes, color=theme.blue, alpha=0.85, linewidths=0, clip_on=False)
        upper.set(xlim=(-0.02, 1.02), ylim=(-0.03, 1.04))
        dress(upper, theme, "", "share that came true")
        lower.bar(bins.claimed, bins.num_rows, width=0.04, color=theme.blue, linewidth=0)
        dress(lower, theme, claim, "rows")
        lower.locator_params(axis="y", nbins=2, integer=True)

    gap = float(np.average(np.abs(bins.claimed - bins.observed), weights=bins.num_rows))
    alt = f"Calibration: claimed probability and what came true differ by {gap:.3f} on average (0 is perfect)."
    return picture("calibration", "Calibration", alt, (4.9, 3.9), draw)


def risk_by_coverage(curve: RiskCoverage) -> Plot:
    """The share of wrong answers among the surest rows, by how many of them are answered."""
    coverage = np.linspace(0.005, 1, 200)
    risk = curve.risk(coverage)

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.add_subplot()
        # What an order that says nothing of right and wrong would have.
        axes.axhline(float(risk[-1]), color=theme.muted, linewidth=1, linestyle=(0, (4, 3)))
        axes.plot(coverage, risk, color=theme.blue, linewidth=2)
        axes.fill_between(coverage, risk, color=theme.blue, alpha=0.1, linewidth=0)
        axes.set(xlim=(-0.01, 1.01), ylim=(0, max(1.1 * float(risk.max()), 0.01)))
        dress(axes, theme, "share of the rows that are answered, the surest first", "share that is wrong")

    alt = f"Error among the surest rows: the area below is {curve.area:.4f}; by chance it would be {risk[-1]:.4f}."
    return picture("risk_coverage", "Error among the surest rows", alt, (4.9, 3.9), draw)


def predicted_against_actual(actual: Floats, predicted: Floats) -> Plot:
    """Each test row as a dot; on the line the answer is right."""
    ends = [float(min(actual.min(), predicted.min())), float(max(actual.max(), predicted.max()))]

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.add_subplot()
        axes.plot(ends, ends, color=theme.muted, linewidth=1, linestyle=(0, (4, 3)))
        _dots(axes, theme, actual, predicted)
        dress(axes, theme, "actual", "predicted")

    alt = f"Predicted against actual values of {len(actual)} test rows, from {ends[0]:.4g} to {ends[1]:.4g}."
    return picture("predicted_against_actual", "Predicted against actual", alt, (4.9, 3.9), draw)


def residuals(actual: Floats, predicted: Floats) -> Plot:
    """What the answer is off by, along the answer: a pattern here is something that the model has not learnt."""
    errors = predicted - actual

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.add_subplot()
        axes.axhline(0, color=theme.muted, linewidth=1, linestyle=(0, (4, 3)))
        _dots(axes, theme, predicted, errors)
        dress(axes, theme, "predicted", "predicted - actual")

    alt = (
        f"Residuals: answers are off by {errors.mean():+.4g} on average, "
        f"from {errors.min():.4g} to {errors.max():+.4g}."
    )
    return picture("residuals", "Residuals", alt, (4.9, 3.9), draw)


def threshold_curves(positive: str, thresholds: Floats, curves: Mapping[str, Floats], used: float) -> Plot:
    """Each curve [T] over the thresholds [T], and the one that is used."""

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.add_subplot()
        styles: list[tuple[str, Any]] = [(theme.blue, "-"), (theme.orange, "-"), (theme.muted, (0, (4, 3)))]
        for (name, values), (colour, style) in zip(curves.items(), styles, strict=True):
            axes.step(thresholds, values, where="pre", color=colour, linestyle=style, linewidth=2, label=name)
        axes.axvline(used, color=theme.ink, linewidth=1)
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, None))
        axes.legend(frameon=False, labelcolor=theme.ink, fontsize=9)
        dress(axes, theme, f"{short(positive)} is answered from this probability on", "")

    alt = f"{', '.join(curves)} by the threshold for {positive}, of which {used:.4g} is used."
    return picture("thresholds", "What a threshold finds and costs", alt, (4.9, 3.9), draw)


def importance_bars(names: Sequence[str], losses: Floats, ends: Floats, metric: str) -> bytes:
    """What shuffling each column costs [C], with the ends of its interval [C, 2]: a PNG, the first column on top."""

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.add_subplot()
        places = np.arange(len(names))
        axes.axvline(0, color=theme.muted, linewidth=1)
        axes.hlines(places, ends[:, 0], ends[:, 1], color=theme.blue, linewidth=1.5, alpha=0.6)
        axes.plot(losses, places, "o", color=theme.blue, markersize=6)
        axes.set_yticks(places, [short(name, 32) for name in names])
        axes.set(ylim=(max(len(names), 1) - 0.5, -0.5))
        dress(axes, theme, f"how much worse {metric} gets when the column is shuffled", "")

    return png((6.4, 1.1 + 0.28 * len(names)), LIGHT, draw)


def _measures(history: Mapping[str, Floats]) -> dict[str, dict[str, Floats]]:
    """Measures with their parts' columns, the loss first; at most two, which is what a page has room for."""
    measures: dict[str, dict[str, Floats]] = {}
    for part in ("train", "validation"):
        for name, values in history.items():
            if name.startswith(f"{part}_"):
                measures.setdefault(name.removeprefix(f"{part}_"), {})[part] = values
    return dict(sorted(measures.items(), key=lambda measure: not measure[0].endswith("loss"))[:2])


def _learning_curve(epochs: Floats, unit: str, measure: str, parts: Mapping[str, Floats]) -> Plot:
    colours = {"train": "orange", "validation": "blue"}

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.add_subplot()
        for part, values in parts.items():
            axes.plot(epochs, values, color=getattr(theme, colours[part]), linewidth=2, label=part)
        if measure.endswith("loss") and "validation" in parts:
            best = int(np.argmin(parts["validation"]))
            axes.plot(epochs[best], parts["validation"][best], "o", color=theme.blue, markersize=6, label="lowest")
        dress(axes, theme, unit, measure.replace("_", " "))
        axes.locator_params(axis="x", integer=True, nbins=6)
        axes.legend(frameon=False, fontsize=9, labelcolor=theme.ink)

    ends = ", ".join(f"{part} from {values[0]:.4g} to {values[-1]:.4g}" for part, values in parts.items())
    words = measure.replace("_", " ")
    alt = f"Learning curve, {words} over {len(epochs)} {unit}s: {ends}."
    return picture(f"learning_{measure}", f"Learning curve: {words}", alt, (4.9, 3.5), draw)


def _confusion_colours(counts: NDArray[np.int64], theme: Theme) -> Floats:
    """[K, K, 3] colours: a cell is as deep as its share of the row's class; the root lets a single mistake be seen."""
    from matplotlib.colors import to_rgb

    # A class without a test row has a row of zeros, which stays as white as the paper.
    share = np.sqrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))[..., None]
    hit = np.eye(len(counts), dtype=bool)[..., None]
    full = np.where(hit, np.array(to_rgb(theme.blue)), np.array(to_rgb(theme.orange)))
    return np.asarray(share * full + (1 - share) * np.array(to_rgb(theme.paper)))


def _name_classes(axes: Axes, classes: Sequence[str]) -> None:
    indices = range(len(classes)) if len(classes) <= _MOST_NAMED_CLASSES else []
    names = [short(classes[index]) for index in indices]
    slanted = max(map(len, names), default=0) * len(names) > 40
    across = axes.set_xticks(indices, names, rotation=45 if slanted else 0, ha="right" if slanted else "center")
    for tick in [*across, *axes.set_yticks(indices, names)]:
        tick.label1.set_parse_math(False)  # a class may be named "$5 and $10"


def _number_cells(axes: Axes, counts: NDArray[np.int64], colours: Floats, theme: Theme) -> None:
    size = 10 if len(counts) <= 10 else 7
    for (down, across), count in np.ndenumerate(counts):
        if count:
            colour = _readable_on(colours[down, across], theme)
            axes.text(across, down, f"{count}", ha="center", va="center", color=colour, fontsize=size)


def _readable_on(cell: Floats, theme: Theme) -> str:
    """Paper or ink, whichever has the higher contrast with the cell by WCAG 2: (lighter + 0.05) / (darker + 0.05)."""
    from matplotlib.colors import to_rgb

    def contrast(colour: str) -> float:
        dark, bright = sorted((_luminance(cell), _luminance(np.array(to_rgb(colour)))))
        return (bright + 0.05) / (dark + 0.05)

    return max(theme.paper, theme.ink, key=contrast)


def _luminance(rgb: Floats) -> float:
    """Relative luminance of an sRGB colour in [0, 1], as WCAG 2 defines it."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ np.array([0.2126, 0.7152, 0.0722]))


def _dots(axes: Axes, theme: Theme, across: Floats, up: Floats) -> None:
    """Dots that grow fainter with their number, so that crowds show."""
    alpha = float(np.clip(30 / np.sqrt(len(across)) / 4, 0.08, 0.7))
    axes.scatter(across, up, s=16, color=theme.blue, alpha=alpha, linewidths=0, rasterized=True)

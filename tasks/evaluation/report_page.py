"""report.html: how good the model is, where it came from and where it errs, on one page that needs nothing else."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from tasks.columns import column_type
from tasks.evaluation.assessment import Assessment
from tasks.evaluation.fairness_report import SELECTION, GroupDifference
from tasks.evaluation.metrics import ClassScore
from tasks.evaluation.robustness_chart import robustness_chart
from tasks.pages.rendering import as_page, page_templates
from tasks.params.config import Metric
from tasks.params.register import GROUP_MEASURES
from tasks.tables.dataset import Column, Dataset
from tasks.wording import number, percent

_TEMPLATES = Path(__file__).parent / "templates"
_LONGEST_TEXT = 600
_MOST_CLASSES = 60
_MOST_PARAMS = 30
"""Of more, as an ensemble has, a reader opens the list."""
_AS_SET = {"None": "null", "True": "true", "False": "false"}
"""How params.yaml has what MLflow keeps as Python's text."""

_EFFECT_COLOURS = ("var(--blue)", "var(--orange)", "#009e73", "#cc79a7")

_METRICS = {
    "accuracy": ("Accuracy", "share of rows answered right"),
    "balanced_accuracy": ("Balanced accuracy", "share of rows answered right, each class as much as any other"),
    "precision": ("Precision", "of the rows answered as a class, the share that is of it"),
    "recall": ("Recall", "of the rows of a class, the share that was found"),
    "f1": ("F1", "precision and recall in one (harmonic mean)"),
    "mcc": ("Matthews correlation", "of answers and truth; 1 is perfect, 0 is no better than chance"),
    "roc_auc": ("ROC-AUC", "chance that a row of a class is ranked above one that is not"),
    "pr_auc": ("PR-AUC", "precision at all recalls, averaged; the share of the class is what chance has"),
    "log_loss": ("Log loss", "how far the claimed probabilities are off; 0 is perfect"),
    "brier": ("Brier score", "squared error of the claimed probabilities; 0 is perfect"),
    "calibration_error": ("Calibration error", "how far claimed probabilities are from what came true, on average"),
    "expected_cost": ("Expected cost", "what the answer to a row costs on average, by the costs of params.yaml"),
    "rmse": ("RMSE", "typical error, in the target's unit; large errors weigh more"),
    "mae": ("MAE", "average error, in the target's unit"),
    "rmsle": ("RMSLE", "typical error of the logarithm of 1 + the target; 0.1 is about 10 %"),
    "r2": ("R²", "share of the variation that is explained; 0 is no better than the mean"),
}


@dataclass(frozen=True, kw_only=True)
class Station:
    """Where rows stand after a stage: `notes` say what was set aside there, and why."""

    name: str
    num_rows: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One raw value: `picture` is a data URI for an image or a sound, and then `text` is its size or length."""

    column: str
    kind: str
    text: str
    picture: str = ""
    pixelated: bool = False


@dataclass(frozen=True, kw_only=True)
class ShownAlike:
    """A training row that is most like a mistake; `distance` in words."""

    row: int
    target: str
    distance: str
    values: Sequence[Shown]


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A test row that was answered badly. `certainty` is such as "99.1 % sure" or "off by +12".

    `alike` are the training rows most like it, and `remark` says what they tell, where they do.
    """

    row: int
    actual: str
    predicted: str
    certainty: str
    values: Sequence[Shown]
    alike: Sequence[ShownAlike] = ()
    remark: str | None = None


@dataclass(frozen=True, kw_only=True)
class Page:
    """All that the page shows: `run` is run.json; `augmentation` is a PNG, where images were augmented.

    `lead` says what was learnt from what.
    """

    pipeline: str
    dataset: Dataset
    headline: str
    lead: str
    run: Mapping[str, Any]
    stations: Sequence[Station]
    assessment: Assessment
    mistakes: Sequence[Mistake]
    augmentation: bytes | None


def render(page: Page) -> str:
    """The page as HTML: styles and pictures inside, values escaped, no script; the same page, the same text."""
    environment = page_templates(_TEMPLATES)
    environment.filters.update(png=png_uri, plain=plain, number=number, percent=percent)
    assessment = page.assessment
    rows = list(metric_rows(assessment.evaluation.metrics, page.run["metrics"], assessment.judged.intervals))
    facts = [(name, plain(value)) for name, value in page.run["facts"].items()]
    params = [(name, _AS_SET.get(value, plain(value))) for name, value in page.run["params"].items()]
    content = environment.get_template("report.html").render(
        page=page,
        assessment=assessment,
        rows=rows,
        validated=any(row["validation"] is not None for row in rows),
        facts=facts,
        params=params,
        most_params=_MOST_PARAMS,
        metric_title=_METRICS[assessment.judged.metric][0],
        slices_tested_by=_METRICS[assessment.slices.tested_by][0],
        scores=weakest(assessment.evaluation.scores),
        effect_colours=_EFFECT_COLOURS,
        robustness_chart=robustness_chart(assessment.robustness),
        figure_titles=figure_title,
        difference_titles=difference_title,
        pictured=any(column_type(column.type).is_media for column in page.dataset.features),
    )
    return as_page(content)


def weakest(scores: Sequence[ClassScore]) -> Sequence[ClassScore]:
    """All classes as they come, or the weakest ones when there are more than a reader would go through."""
    return scores if len(scores) <= _MOST_CLASSES else sorted(scores, key=lambda score: score.f1)[:_MOST_CLASSES]


def metric_rows(
    test: Mapping[Metric, float],
    validation: Mapping[str, float],
    intervals: Mapping[Metric, tuple[float, float] | None],
) -> Iterator[dict[str, Any]]:
    """A line of the table for each metric: name, meaning, its value on the test rows with the 95 % interval, and on the
    validation rows."""
    for name, value in test.items():
        title, meaning = _METRICS[name]
        # Trainers' own names say which rows a metric is of.
        on_validation = validation.get(name, validation.get(f"validation_{name}"))
        values = {"test": value, "interval": intervals.get(name), "validation": on_validation}
        yield {"name": name, "title": title, "meaning": meaning, **values}


def figure_title(name: str) -> str:
    """What a figure of a group of people is called: a metric by its own title."""
    if name in _METRICS:
        return _METRICS[name][0]
    # The name of a class stays as it is.
    of, class_name = (SELECTION, name.removeprefix(SELECTION)) if name.startswith(SELECTION) else (name, "")
    return f"{of.replace('_', ' ').capitalize()}{class_name}"


def difference_title(difference: GroupDifference) -> str:
    """What a difference between two groups of people is called, and what it is of."""
    of = figure_title(difference.figure)
    if difference.name not in GROUP_MEASURES or difference.name == "metric_difference":
        return f"{of}: difference"
    return f"{difference.name.replace('_', ' ').capitalize()} ({of[:1].lower()}{of[1:]})"


def show_row(row: Mapping[str, Any], columns: Sequence[Column], side: int | None = None) -> list[Shown]:
    """A raw row's values, pictures and texts first, as they are shown to a person; with `side`, pictures are small."""
    shown = [_show(column, row[column.name]) for column in sorted(columns, key=_order)]
    return shown if side is None else [_small(one, side) for one in shown]


def plain(value: Any) -> str:
    """A parameter or fact as a person would write it."""
    # Before numbers, as True and False are whole numbers, too.
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        # 0.00001, where Python would write 1e-05.
        return f"{value:.6g}" if abs(value) < 1e-9 or abs(value) >= 1e-4 else f"{Decimal(f'{value:.6g}'):f}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(plain, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {plain(inner)}" for name, inner in value.items())
    return "none" if value is None else str(value)


def png_uri(content: bytes) -> str:
    """A PNG as an address that holds the picture itself."""
    return f"data:image/png;base64,{base64.b64encode(content).decode('ascii')}"


def _order(column: Column) -> int:
    of_type = column_type(column.type)
    return 0 if of_type.is_media else 1 if of_type.is_prose else 2


def _show(column: Column, value: Any) -> Shown:
    of_type = column_type(column.type)
    if value is None:
        return Shown(column=column.name, kind="value", text="missing")
    picture = of_type.depict(value)
    if picture is None:
        return Shown(column=column.name, kind="text" if of_type.is_prose else "value", text=_as_text(value))
    return Shown(
        column=column.name,
        kind="image",
        text=picture.text,
        picture=png_uri(picture.png),
        pixelated=picture.pixelated,
    )


def _small(shown: Shown, side: int) -> Shown:
    """With at most so many pixels a side: a page with many pictures stays light."""
    if not shown.picture:
        return shown
    from PIL import Image

    content = base64.b64decode(shown.picture.partition(",")[2])
    image = Image.open(io.BytesIO(content))
    image.thumbnail((side, side))
    target = io.BytesIO()
    image.save(target, format="PNG")
    return replace(shown, picture=png_uri(target.getvalue()))


def _as_text(value: Any) -> str:
    """A value of any other type, in words or digits."""
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.6g}"
        case datetime():
            return value.isoformat(sep=" ")
        case _:
            return value if len(value) <= _LONGEST_TEXT else f"{value[:_LONGEST_TEXT]}…"

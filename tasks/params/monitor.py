"""The section `monitor`: which answers are logged, and what a look at them asks."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field, model_validator

from tasks.errors import did_you_mean
from tasks.params.config import Config, Task
from tasks.params.register import Bound
from tasks.params.retention import MOST_DAYS

LossOfClasses = Literal["accuracy", "log_loss", "brier"]
LossOfNumbers = Literal["rmse", "mae"]
LossName = Literal[LossOfClasses, LossOfNumbers]
"""What the rows of a window add up to, so that it has an interval, and an estimate before labels come."""


def losses_of(task: Task) -> tuple[LossName, ...]:
    """Those that windows of such a task have."""
    return get_args(LossOfNumbers if task == "regression" else LossOfClasses)


RuleName = Literal[
    "drifted_columns", "drifted_answers", "larger_loss", "quality", "latency_p95_ms", "error_share", "least_rows"
]
"""A rule has the name of its setting in `monitor.rules`."""


class MonitorRules(Config):
    """What must hold in each window; a rule that does not hold fires."""

    drifted_columns: int | None = Field(
        1, ge=1, description="fires when so many columns have surely drifted; never when null"
    )
    drifted_answers: bool = Field(True, description="fires when the answers are surely others than to the test rows")
    larger_loss: bool = Field(
        True, description="fires when labelled rows are surely answered worse than the test rows were"
    )
    quality: dict[LossName, Bound] = Field(
        default_factory=dict,
        description="bounds of a metric of labelled rows, such as `{mae: {max: 40, surely: broken}}`",
    )
    latency_p95_ms: float | None = Field(
        None, gt=0, description="fires when one request in twenty takes longer; where requests are served"
    )
    error_share: float | None = Field(
        None, ge=0, lt=1, description="fires when a larger share of the rows could not be answered"
    )
    least_rows: int | None = Field(None, ge=1, description="fires when a whole day had fewer rows")

    def of_another_task(self, task: Task) -> str | None:
        """What is wrong with a bound of a metric that windows of this task never have; None where all have theirs."""
        known = losses_of(task)
        wrong = next((name for name in self.quality if name not in known), None)
        if wrong is None:
            return None
        of, target = ("numbers", "classes") if wrong in get_args(LossOfNumbers) else ("classes", "numbers")
        return f"rules.quality.{wrong} is of {of}, and the target has {target}{did_you_mean(wrong, known)}"


class Monitor(Config):
    """Which answers are logged, and what `modelwright watch` asks of them; no stage reads it. See
    [monitoring.md](monitoring.md)."""

    log: bool = Field(False, description="keep what is answered, in data/PIPELINE/predictions")
    sample: float = Field(
        1.0, gt=0, le=1, description="the share of rows that is kept, chosen by their keys: a row always or never"
    )
    mask: tuple[str, ...] = Field(
        (),
        description="columns whose values are kept as x and 0 only; personal ones that clean has found are so anyway",
    )
    retention_days: int | None = Field(
        365, ge=1, le=MOST_DAYS, description="after so many days logged rows and labels are removed; never when null"
    )
    min_rows: int = Field(
        100, ge=20, description="rows of a window: a day, or as many days as it takes to have so many"
    )
    season: Literal["none", "week"] = Field(
        "none",
        description="week: a row is compared with training rows of the same day of the week; needs a column with the "
        "role time",
    )
    false_alarms: float = Field(
        0.05,
        gt=0,
        le=0.5,
        description="the chance that drift or a larger loss is ever called sure in the life of a version though "
        "nothing changed, over all columns and windows",
    )
    rules: MonitorRules = MonitorRules()
    retrain: tuple[RuleName, ...] = Field(
        (), description="rules, by their names in `rules`, that start the flow `training` when they fire, once a window"
    )

    @model_validator(mode="after")
    def _what_is_to_start_a_training_can_fire(self) -> Monitor:
        rules = self.rules
        is_on: dict[RuleName, bool] = {
            "drifted_columns": rules.drifted_columns is not None,
            "drifted_answers": rules.drifted_answers,
            "larger_loss": rules.larger_loss,
            "quality": bool(rules.quality),
            "latency_p95_ms": rules.latency_p95_ms is not None,
            "error_share": rules.error_share is not None,
            "least_rows": rules.least_rows is not None,
        }
        for rule in self.retrain:
            if not is_on[rule]:
                raise ValueError(
                    f"retrain names {rule}, which never fires as rules.{rule} says nothing; set rules.{rule}, or take "
                    f"{rule} out of retrain"
                )
        return self

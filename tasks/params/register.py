"""The section `register`: the gate, and when a version takes the place of the champion."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field, model_validator

from tasks.params.config import Config, Metric
from tasks.params.retention import MOST_DAYS

GroupMeasureName = Literal[
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "equalized_odds_difference",
    "equal_opportunity_difference",
    "metric_difference",
]
GROUP_MEASURES: tuple[GroupMeasureName, ...] = get_args(GroupMeasureName)
"""How far the groups of a sensitive column are apart."""
ConformalMeasureName = Literal["coverage", "interval_width", "set_size", "pinball"]
CONFORMAL_MEASURES: tuple[ConformalMeasureName, ...] = get_args(ConformalMeasureName)
"""What intervals and sets of classes keep on the test rows."""

MeasureName = Literal[
    "size_mib",
    "num_parameters",
    "latency_p50_ms",
    "latency_p95_ms",
    ConformalMeasureName,
    "robustness_loss",
    "drifted_columns",
    GroupMeasureName,
]
"""What is measured of a version beside its metrics, by the names that the gate knows them by."""

COUNTS: frozenset[MeasureName] = frozenset({"drifted_columns", "num_parameters"})
"""What is a whole number, and shown as one."""

Bounded = Literal[Metric, MeasureName]

LOWER_IS_BETTER: frozenset[str] = frozenset(
    {"log_loss", "brier", "calibration_error", "expected_cost", "rmse", "mae", "rmsle"}
)


Sureness = bool | Literal["broken"]
"""How sure a rule must be: of nothing, that its bound is kept, or that it is broken."""

WITHOUT_INTERVAL: frozenset[str] = frozenset(
    {"size_mib", "num_parameters", "latency_p50_ms", "latency_p95_ms", "calibration_error", "drifted_columns"}
)
"""What is measured, and not how it would be on other rows; columns that drifted are counted where it is sure."""


class Bound(Config):
    """The least or the most that a metric may be."""

    min: float | None = Field(None, description="the least that is allowed")
    max: float | None = Field(None, description="the most that is allowed")
    surely: Sureness = Field(
        False,
        description="true: all of the 95 % interval must keep the bound; false: the value on the test rows; broken: it "
        "is refused only where the bound is surely broken, after all such rules and slices",
    )

    @model_validator(mode="after")
    def _bounds_something(self) -> Bound:
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}: no value keeps both")
        return self


class SliceRules(Config):
    """What must hold in each kind of test rows: those of a value of a column, of a fifth of its numbers, or of two such
    at once. A slice breaks a rule where it surely does, after all slices that were looked at."""

    columns: list[str] | None = Field(
        None, min_length=1, description="by which columns rows are told apart; all that the report tells them apart by"
    )
    min: float | None = Field(None, description="the least that `register.metric` may be in a slice")
    max: float | None = Field(None, description="the most, for a metric of which less is better")
    worse_by: float | None = Field(
        None,
        ge=0,
        description="a challenger that is surely worse than the champion in a slice, by more than this, stays one",
    )


class ShadowRules(Config):
    """How long a challenger stands beside the champion, and on how many labelled live rows the two are compared. See
    [promotion.md](promotion.md#on-live-rows-first)."""

    min_rows: int = Field(
        200,
        ge=20,
        description="labelled rows that both have answered before they are compared, and new ones before they are "
        "compared again",
    )
    max_rows: int | None = Field(
        None, ge=20, description="after so many without a sure difference a person has to decide; null: never"
    )
    max_days: float | None = Field(
        30.0,
        gt=0,
        le=MOST_DAYS,
        description="after so many days without a sure difference a person has to decide; null: never",
    )

    newer_version: Literal["waits", "replaces"] = Field(
        "waits",
        description="what becomes of a better version while a challenger proves itself: it is registered without an "
        "alias; or it takes the place, and all begins anew",
    )

    @model_validator(mode="after")
    def _there_is_a_first_look(self) -> ShadowRules:
        if self.max_rows is not None and self.max_rows < self.min_rows:
            raise ValueError(
                f"max_rows {self.max_rows:,} is less than min_rows {self.min_rows:,}: the two would never be compared"
            )
        return self


class Card(Config):
    """What only people can say of a model, for the card of each version in the registry."""

    owner: str | None = Field(None, min_length=1, description="whom to ask")
    intended_use: str | None = Field(None, min_length=1, description="for what it was made, and who uses it")
    not_for: str | None = Field(None, min_length=1, description="for what it was not made, though somebody might try")
    limitations: str | None = Field(None, min_length=1, description="where it is known to be wrong or unfair")


class Register(Config):
    """The gate, and when a later version takes the place of the champion."""

    gate: dict[Bounded, Bound] = Field(
        default_factory=dict, description="bounds that a version must keep to be registered"
    )
    metric: Metric = Field(description="what champion and challenger are compared by, on the same test rows")
    margin: float = Field(
        0.0,
        description="how much better a challenger must surely be; negative: how much worse it may be",
    )
    alpha: float = Field(
        0.05,
        gt=0,
        le=0.5,
        description="the chance that a champion is ever replaced by one that is not better by the margin, over all "
        "that challenge it: the first may use half of it, the n-th one part of n (n + 1)",
    )
    min_rows: int = Field(2, ge=2, description="fewest test rows on which a champion may be replaced")
    least_gain: float | None = Field(
        None,
        gt=0,
        description="a gain beyond the margin that would be worth a change: the verdict says how likely it would have "
        "been seen",
    )
    slices: SliceRules = Field(default_factory=SliceRules, description="what must hold in each kind of test rows")
    shadow: ShadowRules | None = Field(
        None,
        description="a version that the gate finds better is challenger first, and becomes champion when it is surely "
        "better on live rows, too; null: it becomes champion at once",
    )
    refusal_alpha: float = Field(
        0.05,
        gt=0,
        le=0.5,
        description="the chance that a version that breaks no bound is refused by any of the rules that refuse what is "
        "surely broken, those of all slices among them; and that one that is worse in no slice is called so",
    )
    latency: bool = Field(
        False,
        description="measure on this machine how long answers take and what energy they cost, for the card; where the "
        "gate bounds it, it is measured in any case",
    )
    not_comparable: Literal["keep_champion", "promote"] = Field(
        "keep_champion", description="what happens when the champion cannot answer today's test rows"
    )
    champion_minutes: float = Field(60.0, gt=0, description="how long the champion may take to answer the test rows")
    card: Card = Field(default_factory=Card, description="what people must know of the model")

    @property
    def measures_latency(self) -> bool:
        return self.latency or any(name.startswith("latency_") for name in self.gate)

    @model_validator(mode="after")
    def _what_must_be_sure_has_an_interval(self) -> Register:
        for name, bound in self.gate.items():
            if bound.surely and name in WITHOUT_INTERVAL:
                raise ValueError(f"gate.{name}: it has no interval, so nothing of it is surer; leave surely out")
        return self

    @model_validator(mode="after")
    def _slices_are_bounded_on_the_worse_side(self) -> Register:
        unused, used = ("min", "max") if self.metric in LOWER_IS_BETTER else ("max", "min")
        if getattr(self.slices, unused) is not None:
            better = "less" if unused == "min" else "more"
            raise ValueError(f"slices.{unused} bounds nothing, as {better} {self.metric} is better; write {used}")
        # Of 25 rows of a model that is calibrated it is 0.19 on average: 84 of 100 such slices surely break 0.05.
        if self.metric == "calibration_error" and self.slices.max is not None:
            raise ValueError(
                "slices.max: of the few rows of a slice calibration_error is large by chance alone; bound it for all "
                "test rows (gate), or take brier or log_loss as the metric"
            )
        return self

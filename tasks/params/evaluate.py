"""The section `evaluate`: how the model is judged on the test rows."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.params.config import Config, Metric, MistakeCosts


class Costs(Config):
    """What a wrong answer costs, in any unit: the threshold is chosen for the least cost on the validation rows."""

    false_positive: float = Field(1.0, gt=0, description="answered positive, and it is not")
    false_negative: float = Field(1.0, gt=0, description="positive, and not answered so")


class Conformal(Config):
    """How sure an answer is, with each answer: an interval of numbers, or a set of classes, of a stated coverage."""

    coverage: float = Field(
        0.9, ge=0.5, lt=1, description="the share of new rows whose truth is to lie in the interval or the set"
    )
    by: str | None = Field(
        None,
        min_length=1,
        description="what it is kept for, each by itself, and not only on average: `class`, each true class; `answer`, "
        "each fifth of the answered numbers; or a column, each of its values; all rows together when not given",
    )


class Robustness(Config):
    """How much worse test rows are answered when they are disturbed: cells missing, noise, typos, turned pictures."""

    enabled: bool = Field(True, description="measure it: some seconds, as the rows are answered some ten times more")
    rows: int = Field(
        1_000, ge=20, description="how many test rows are disturbed at most; of pictures, sounds and tokens, fewer are"
    )


class Evaluate(Config):
    """How the model is judged on the test rows."""

    average: Literal["macro", "weighted"] = Field(
        "macro", description="how precision, recall and F1 of several classes become one"
    )
    positive: str | None = Field(
        None, description="binary: the class that counts as positive; the last one when not given"
    )
    threshold: Annotated[float, Field(gt=0, lt=1)] | Costs | None = Field(
        None,
        description="binary: from which probability on the positive class is answered: a number, or what mistakes "
        "cost, and the cheapest is chosen on the validation rows; the likelier class when not given",
    )
    costs: MistakeCosts | None = Field(
        None,
        description="what answers cost, as `{ACTUAL: {ANSWERED: cost}}`, for the metric expected_cost; a right answer "
        "costs 0 and a mistake that is not named 1; of two classes `threshold` may say it instead",
    )
    answer: Literal["likeliest", "least_cost"] = Field(
        "likeliest",
        description="three classes or more, with `costs`: the likeliest class, or the one whose expected cost by the "
        "probabilities is least; of two classes `threshold` with costs does it",
    )
    metric: Metric | None = Field(
        None, description="what the importance of columns is measured by; `register.metric` when not given"
    )
    conformal: Conformal | None = Field(
        None,
        description="an interval or a set of classes with each answer, measured on the validation rows; none when not "
        "given",
    )
    robustness: Robustness = Robustness()

    @property
    def knows_costs(self) -> bool:
        """Whether it says what mistakes cost."""
        return self.costs is not None or isinstance(self.threshold, Costs)

    @model_validator(mode="after")
    def _costs_stand_in_one_place(self) -> Evaluate:
        if self.costs is not None and isinstance(self.threshold, Costs):
            raise ValueError("threshold and costs both say what mistakes cost; leave one of the two out")
        return self

    @model_validator(mode="after")
    def _the_least_cost_is_known(self) -> Evaluate:
        if self.answer == "least_cost" and self.costs is None:
            raise ValueError("answer: least_cost needs to know what answers cost; write costs, or take it out")
        return self

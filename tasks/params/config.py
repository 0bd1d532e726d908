"""What every mapping of params.yaml has in common, and the words that several of them use."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Share = Annotated[float, Field(ge=0, lt=1)]
ColumnTypeName = Literal["number", "category", "boolean", "text", "timestamp", "image", "audio"]
Role = Literal["feature", "target", "id", "group", "time", "weight", "sensitive", "split"]
Task = Literal["binary", "multiclass", "regression"]
MetricOfClasses = Literal[
    "accuracy",
    "balanced_accuracy",
    "precision",
    "recall",
    "f1",
    "mcc",
    "roc_auc",
    "pr_auc",
    "log_loss",
    "brier",
    "calibration_error",
    "expected_cost",
]
MetricOfNumbers = Literal["rmse", "mae", "rmsle", "r2"]
Metric = Literal[MetricOfClasses, MetricOfNumbers]


def metrics_of(task: Task) -> tuple[Metric, ...]:
    """What models of such a task can be judged by; the first where nobody says."""
    return get_args(MetricOfNumbers if task == "regression" else MetricOfClasses)


def _names_of_classes(weights: object) -> object:
    """Classes are named by text everywhere, and YAML reads 0, 1 and true without quotes as something else."""
    if not isinstance(weights, dict):
        return weights
    return {str(name).lower() if isinstance(name, bool) else str(name): weight for name, weight in weights.items()}


ClassWeight = Annotated[
    Literal["balanced"] | dict[str, Annotated[float, Field(gt=0)]] | None, BeforeValidator(_names_of_classes)
]

MistakeCosts = Annotated[
    dict[str, Annotated[dict[str, Annotated[float, Field(ge=0)]], BeforeValidator(_names_of_classes)]],
    BeforeValidator(_names_of_classes),
]
"""What it costs by the class that is true and the one that is answered."""

Refit = Annotated[
    Literal["none", "all_rows"],
    Field(
        description="all_rows: once the validation rows have said how long, train as long once more on them as well; "
        "thresholds are still chosen by what the first model said of them"
    ),
]

TargetTransform = Annotated[
    Literal["none", "log1p", "quantile"],
    Field(
        description="numbers only: learn the logarithm of 1 + the target, or its rank as a normal number; answers are "
        "in its own unit"
    ),
]


class Config(BaseModel):
    """Frozen, closed, keyword-only: an unknown key is an error, and nothing changes after load."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def is_default(self, name: str) -> bool:
        """Whether a setting is what it is when left out. (That it was left out does not survive a file.)"""
        return bool(getattr(self, name) == type(self).model_fields[name].default)

"""All that evaluate says of a model, for the page and for the files beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.evaluation.drawing import Plot
from tasks.evaluation.effect_charts import Chart
from tasks.evaluation.fairness_report import FairnessReport
from tasks.evaluation.importance import Importance
from tasks.evaluation.predictions import Evaluation
from tasks.evaluation.slices import SliceReport
from tasks.evaluation.summary import Summary
from tasks.evaluation.threshold_table import ThresholdTable


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """Each is a section of the page; what the task does not have is None."""

    evaluation: Evaluation
    judged: Summary
    learning: Sequence[Plot]
    importance: Importance
    effects: Sequence[Chart]
    thresholds: ThresholdTable | None
    slices: SliceReport
    fairness: FairnessReport

    @property
    def pictures(self) -> list[Plot]:
        """Those that are kept as files."""
        return [*self.learning, *self.evaluation.plots, *([self.thresholds.picture] if self.thresholds else [])]

"""All that evaluate says of a model, for the page and for the files beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.evaluation.answer_costs import AnswerCosts
from tasks.evaluation.confidence import ConfidenceTable
from tasks.evaluation.coverage import CoverageReport
from tasks.evaluation.drawing import Plot
from tasks.evaluation.drift_of_test import DriftOfTest
from tasks.evaluation.effect_charts import Chart
from tasks.evaluation.fairness_report import FairnessReport
from tasks.evaluation.importance import Importance
from tasks.evaluation.predictions import Evaluation
from tasks.evaluation.robustness import RobustnessReport
from tasks.evaluation.slices import SliceReport
from tasks.evaluation.summary import Summary
from tasks.evaluation.threshold_table import ThresholdTable
from tasks.measures import Measure
from tasks.params.config import Config
from tasks.paths import AssessmentName


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """Each is a section of the page; what the task does not have is None."""

    evaluation: Evaluation
    judged: Summary
    confidence: ConfidenceTable
    learning: Sequence[Plot]
    importance: Importance
    effects: Sequence[Chart]
    thresholds: ThresholdTable | None
    answer_costs: AnswerCosts | None
    slices: SliceReport
    coverage: CoverageReport | None
    robustness: RobustnessReport
    drift: DriftOfTest
    fairness: FairnessReport

    @property
    def reports(self) -> dict[AssessmentName, Config | None]:
        """Those that are kept as JSON, by the names of their files."""
        return {
            "costs": self.answer_costs,
            "coverage": self.coverage,
            "drift": self.drift,
            "fairness": self.fairness,
            "robustness": self.robustness,
            "slices": self.slices,
        }

    @property
    def measures(self) -> dict[str, Measure]:
        """What the gate can bound of it; what was not measured is not there."""
        singles = {"robustness_loss": self.robustness.measure, "drifted_columns": self.drift.measure}
        return {
            **{name: measure for name, measure in singles.items() if measure is not None},
            **(self.coverage.measures if self.coverage else {}),
            **self.fairness.measured,
        }

    @property
    def pictures(self) -> list[Plot]:
        """Those that are kept as files."""
        return [*self.learning, *self.evaluation.plots, *([self.thresholds.picture] if self.thresholds else [])]

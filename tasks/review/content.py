"""What a review says, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tasks.promotion.contest import Comparison
from tasks.promotion.gate_rule import GateRule


@dataclass(frozen=True, kw_only=True)
class MetricChange:
    """A metric on the test rows of then and of now, each with its 95 % interval; `before` is None where it is new.

    `comparison` sets both answers to the same rows side by side, the present in the challenger's place; it is there for
    what decides, where both answered the same rows.
    """

    name: str
    before: float | None
    before_interval: tuple[float, float] | None
    after: float
    after_interval: tuple[float, float] | None
    comparison: Comparison | None = None


@dataclass(frozen=True, kw_only=True)
class PipelineReview:
    """One pipeline. `plan` has each stage that did other work than at the base, with why; `waiting` each that is out of
    date still, unless `problem` says why that cannot be told. `reason` says why there is no paired comparison, and
    `refusal` what validate said no to. `edited` are settings that params.yaml had otherwise at the base.

    `rules` are the gate's, as they are judged now; None where there is nothing to judge. `notes` are what is left open.
    """

    name: str
    plan: Mapping[str, tuple[str, ...]]
    waiting: Mapping[str, tuple[str, ...]]
    edited: tuple[str, ...] = ()
    problem: str = ""
    metrics: tuple[MetricChange, ...] = ()
    reason: str = ""
    rules: tuple[GateRule, ...] | None = None
    refusal: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()

    @property
    def passed(self) -> bool | None:
        """Whether the gate lets it through; None where that cannot be said."""
        if self.refusal:
            return False
        return None if self.rules is None else all(rule.passed for rule in self.rules)

    @property
    def is_changed(self) -> bool:
        """Whether anything of it is another than at the base.

        Not by what register waits for: where a review runs, there may be no registry.
        """
        waits = {*self.waiting} - {"register"}
        return bool(self.plan or waits or self.edited or self.problem or self.refusal)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        changes = [
            {**asdict(change), "comparison": change.comparison and change.comparison.model_dump(mode="json")}
            for change in self.metrics
        ]
        rules = None if self.rules is None else [rule.model_dump(mode="json") for rule in self.rules]
        return {**asdict(self), "passed": self.passed, "metrics": changes, "rules": rules}


@dataclass(frozen=True, kw_only=True)
class Review:
    """All pipelines against a base: `against` as it was named, `commit` its whole name; `removed` are no more."""

    against: str
    commit: str
    pipelines: tuple[PipelineReview, ...]
    removed: tuple[str, ...] = ()

    @property
    def refused(self) -> tuple[str, ...]:
        """The pipelines to which the gate says no, of those that change: what stands at the base, stands there."""
        return tuple(one.name for one in self.pipelines if one.is_changed and one.passed is False)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        pipelines = [pipeline.as_dict() for pipeline in self.pipelines]
        return {"against": self.against, "commit": self.commit, "removed": list(self.removed), "pipelines": pipelines}

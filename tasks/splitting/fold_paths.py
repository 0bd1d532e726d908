"""Where everything of one fold of cross validation lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tasks.paths import FoldStage, Part, Paths


@dataclass(frozen=True, kw_only=True)
class FoldPaths(Paths):
    """Where a fold of cross validation lies: a pipeline of its own from split to augment, whose test rows are the fold.

    Its validation rows are the pipeline's: what stops a training early is never what the fold is judged on.
    """

    number: int

    @classmethod
    def of(cls, paths: Paths, number: int) -> Self:
        return cls(project=paths.project, pipeline=paths.pipeline, number=number)

    def split(self, part: Part) -> Path:
        return super().split(part) if part == "validation" else self._of("split") / part

    def quarantine(self, stage: str) -> Path:
        return self._of("clean") / "quarantine" / stage

    def clean(self, part: Part) -> Path:
        return self._of("clean") / part

    @property
    def cleaned(self) -> Path:
        return self._of("clean") / "cleaned.json"

    @property
    def flagged(self) -> Path:
        return self._of("clean") / "flagged"

    @property
    def cleaning_report(self) -> Path:
        return self._of("clean") / "cleaning.json"

    @property
    def recipe(self) -> Path:
        return self._of("normalize") / "recipe.json"

    def normalized(self, part: Part) -> Path:
        return self._of("normalize") / part

    @property
    def augmented(self) -> Path:
        return self._of("augment") / "rows"

    @property
    def augmentation_report(self) -> Path:
        return self._of("augment") / "augmentation.json"

    def _of(self, stage: FoldStage) -> Path:
        return self.folds(stage) / str(self.number)

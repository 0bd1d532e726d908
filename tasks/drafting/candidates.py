"""The models that `init` measures before it picks one: the simplest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tasks.drafting.model import (
    OF_TABLES,
    OF_WORDS,
    ensemble,
    is_mostly_text,
    linear,
    of_words,
    on_scale,
    scale_of,
    trees,
)
from tasks.drafting.network import Section
from tasks.drafting.profile import Facts
from tasks.drafting.target import TargetGuess
from tasks.params.config import Metric

LINEAR, BOOSTED, ENSEMBLE = "a linear model", "boosted trees", "an ensemble of both"
_OF_SCALES = {"log1p": "on logarithms", "quantile": "on ranks"}
_ENOUGH_FOR_ENSEMBLE = 750
"""Rows below which five folds hardly tell it from the better one alone, which can be read."""
_TIMES_OF_ENSEMBLE = 45
"""Of a linear model and trees: five folds of trees in four shapes, of which slow and small ones are more."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A kind of model in words, and its sections of the block.

    `times` is how many times as long one training takes as those of all simpler ones together, at most; 0 where nobody
    knows.
    """

    name: str
    normalize: Section
    train: Section
    times: float = 0.0

    @property
    def is_costly(self) -> bool:
        """Whether it takes so long that its minutes are counted beforehand, and quicker ones stand in for it."""
        return self.times > 1


def candidates(
    facts: Facts, target: TargetGuess, features: Sequence[str], classes: Mapping[str, int], metric: Metric
) -> list[Candidate]:
    """What learns from columns such as these; none for pictures and sounds, of which one training takes minutes."""
    if any(map(facts.is_media, features)):
        return []
    is_text = is_mostly_text(facts, features)
    weight, of_linear = (OF_WORDS, of_words(facts, features)) if is_text else (OF_TABLES, {})
    normalize, boosted = trees([facts.types[name] for name in features], len(classes))
    asked = scale_of(metric)
    both = [
        _on_scale(Candidate(name=LINEAR, normalize=of_linear, train=linear(target, weight)), asked),
        _on_scale(Candidate(name=BOOSTED, normalize=normalize, train=boosted), asked),
    ]
    is_amount = target.task == "regression" and facts.state(target.name).extremes.low >= 0
    scale = _other_scale(target, metric, is_amount=is_amount)
    singles = [one for alone in both for one in ([alone, _on_scale(alone, scale)] if scale else [alone])]
    # Of words, trees know too little to be of help.
    if is_text or facts.num_rows < _ENOUGH_FOR_ENSEMBLE:
        return singles
    # Scaled for the linear member; trees do not mind. Members share the rows, so it reads the score of a text, too.
    scaled = {name: section for name, section in normalize.items() if name != "number"}
    has_categories = any(facts.types[name] == "category" for name in features)
    members = ensemble(linear(target, weight), boosted, has_categories=has_categories, has_logarithm=scale == "log1p")
    times = _TIMES_OF_ENSEMBLE * len(both) / len(singles)
    together = Candidate(name=ENSEMBLE, normalize=scaled, train=members, times=times)
    return [*singles, _on_scale(together, asked)]


def _other_scale(target: TargetGuess, metric: Metric, *, is_amount: bool) -> str | None:
    """A transform of the target that may do better by this metric; None where none is worth a try."""
    # What asks for a scale itself is served by no other.
    if target.task != "regression" or scale_of(metric):
        return None
    if is_amount:
        return "log1p"
    # The mean of ranks is near the median, which is what absolute errors ask for, and not the mean.
    return "quantile" if metric == "mae" else None


def _on_scale(candidate: Candidate, scale: str | None) -> Candidate:
    if scale is None:
        return candidate
    return replace(candidate, name=f"{candidate.name} {_OF_SCALES[scale]}", train=on_scale(candidate.train, scale))

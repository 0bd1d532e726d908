"""The models that `init` measures before it picks one: the simplest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.drafting.model import (
    OF_TABLES,
    OF_WORDS,
    ensemble,
    is_mostly_text,
    linear,
    of_words,
    trees,
)
from tasks.drafting.network import Section
from tasks.drafting.profile import Facts
from tasks.drafting.target import TargetGuess

LINEAR, BOOSTED, ENSEMBLE = "a linear model", "boosted trees", "an ensemble of both"
_ENOUGH_FOR_ENSEMBLE = 750
"""Rows below which five folds hardly tell it from the better one alone, which can be read."""
_TIMES_OF_ENSEMBLE = 40
"""Five folds of trees in four shapes, of which slow and small ones are more."""


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
        """Whether it must be better by more than chance to be worth its time, at every training and every answer."""
        return self.times > 1


def candidates(
    facts: Facts, target: TargetGuess, features: Sequence[str], classes: Mapping[str, int]
) -> list[Candidate]:
    """What learns from columns such as these; none for pictures and sounds, of which one training takes minutes."""
    if any(map(facts.is_media, features)):
        return []
    is_text = is_mostly_text(facts, features)
    weight, of_linear = (OF_WORDS, of_words(facts, features)) if is_text else (OF_TABLES, {})
    normalize, boosted = trees([facts.types[name] for name in features], len(classes))
    both = [
        Candidate(name=LINEAR, normalize=of_linear, train=linear(target, weight)),
        Candidate(name=BOOSTED, normalize=normalize, train=boosted),
    ]
    # Of words, trees know too little to be of help.
    if is_text or facts.num_rows < _ENOUGH_FOR_ENSEMBLE:
        return both
    # Scaled for the linear member; trees do not mind. Members share the rows, so it reads the score of a text, too.
    scaled = {name: section for name, section in normalize.items() if name != "number"}
    is_amount = target.task == "regression" and facts.state(target.name).extremes.low >= 0
    together = ensemble(linear(target, weight), boosted, has_logarithm=is_amount)
    return [*both, Candidate(name=ENSEMBLE, normalize=scaled, train=together, times=_TIMES_OF_ENSEMBLE)]

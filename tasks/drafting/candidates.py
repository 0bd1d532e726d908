"""The models that `init` measures before it picks one: the simplest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.drafting.model import OF_TABLES, OF_WORDS, Section, is_mostly_text, linear, of_words, trees
from tasks.drafting.profile import Facts
from tasks.drafting.target import TargetGuess

LINEAR, BOOSTED = "a linear model", "boosted trees"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A kind of model in words, and its sections of the block."""

    name: str
    normalize: Section
    train: Section


def candidates(facts: Facts, target: TargetGuess, features: Sequence[str]) -> list[Candidate]:
    """What learns from columns such as these; none for pictures and sounds, of which one training takes minutes."""
    if any(map(facts.is_media, features)):
        return []
    weight, of_linear = (OF_WORDS, of_words(facts, features)) if is_mostly_text(facts, features) else (OF_TABLES, {})
    normalize, boosted = trees([facts.types[name] for name in features])
    return [
        Candidate(name=LINEAR, normalize=of_linear, train=linear(target, weight)),
        Candidate(name=BOOSTED, normalize=normalize, train=boosted),
    ]

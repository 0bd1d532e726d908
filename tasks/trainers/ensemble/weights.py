"""How much each member's answer counts, and how sure all together may be: found on rows that no answer learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from tasks.model_input.inputs import Spec
from tasks.trainers.base import mean_loss

_ROUNDS = 50
"""Members that are added at most, so that a weight is a multiple of 1/50 or coarser."""
_MOST_TEMPERATURE = 5.0
_SMALLEST = 1e-15

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Held:
    """Rows with what counts of them: targets [N], and weights [N] or None."""

    spec: Spec
    target: NDArray[Any]
    weight: Floats | None

    def loss(self, answers: Floats) -> float:
        """The mean log loss or squared error of answers [N, K] or [N]."""
        return mean_loss(self.spec, answers, self.target, self.weight)


def greedy_weights(answers: Sequence[Floats], held: Held) -> Floats:
    """A weight for each member, [M], that sum to 1: as often as it was added, one after the other, some of them again.

    Each time the member is added with which the mean is best; the best of all rounds counts. Caruana, Niculescu-Mizil,
    Crew and Ksikes, "Ensemble selection from libraries of models", ICML 2004.
    """
    # What a mean of answers has to be measured by is a mean as well: the probability of what is true, or the error.
    parts = np.stack([_measured(one, held) for one in answers])
    counts, total = np.zeros(len(parts)), np.zeros(parts.shape[1])
    best, least = counts, np.inf
    for number_of_round in range(1, _ROUNDS + 1):
        losses = [_loss((total + part) / number_of_round, held) for part in parts]
        number = int(np.argmin(losses))
        counts[number] += 1
        total += parts[number]
        if losses[number] < least:
            best, least = counts.copy(), losses[number]
    weights: Floats = best / best.sum()
    return weights


def _measured(answers: Floats, held: Held) -> Floats:
    if held.spec.classes:
        claimed: Floats = answers[np.arange(len(answers)), held.target]
        return claimed
    return np.asarray(answers - held.target)


def _loss(values: Floats, held: Held) -> float:
    losses: Floats = -np.log(np.maximum(values, _SMALLEST)) if held.spec.classes else np.square(values)
    return float(np.average(losses, weights=held.weight))


def best_temperature(answers: Floats, held: Held) -> float:
    """By what log probabilities [N, K] are divided so that they are as sure as they may be; 1 leaves them.

    The mean of many models is less sure than each (Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural
    networks", ICML 2017, section 4.2).
    """
    bound = float(np.log(_MOST_TEMPERATURE))
    result = minimize_scalar(
        lambda log: held.loss(tempered(answers, float(np.exp(log)))), bounds=(-bound, bound), method="bounded"
    )
    # A dozen digits: the last ones are the search's.
    return float(f"{float(np.exp(result.x)):.12g}")


def tempered(answers: Floats, temperature: float) -> Floats:
    """Probabilities [N, K] whose logarithms are divided by `temperature`, and that sum to 1 again."""
    if temperature == 1:
        return answers
    logs = np.log(np.maximum(answers, _SMALLEST)) / temperature
    sizes = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(sizes / sizes.sum(axis=1, keepdims=True))

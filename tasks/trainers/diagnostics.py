"""What a run's history says about how to do better, in plain sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.wording import percent

_FEWEST = 4
"""Epochs below which a history says little."""
_RISE = 0.05
"""Of the first epoch's validation loss: a smaller rise above the best is noise."""
_RISE_OVER_BEST = 1.15
"""And in times the best: a smaller rise costs little."""
_JUMP = 0.2
"""Of the first epoch's loss: how much it rises from one epoch to the next to be called a jump."""
_MANY_JUMPS = 0.2
"""Share of the epochs that are jumps, from which on it is the rule."""
_STILL = 0.01
"""Share of the first loss within which a loss has not moved."""
_STILL_FALLING = 0.05
"""Share of all that was gained which the last fifth of the epochs gained, from which on more are worth it."""
_HIGH = 0.2
"""Of what the loss is without a model, above the least that it can be: a lower training loss is no poor fit."""
_SECOND_HALF = 0.08
"""Of the same: a smaller gain in the second half of the epochs is that of a learning rate that comes to rest."""
_LIGHT = 0.1
"""Of a row: where rows weigh less on average, what is set in rows, such as a penalty, outweighs them."""
_WAITED = 0.2
"""Share of the time that an accelerator may wait for data."""


@dataclass(frozen=True, kw_only=True)
class _Curves:
    """A run, a number an epoch; `unit` is what the trainer calls one."""

    train: Sequence[float]
    validation: Sequence[float]
    accuracy: Sequence[float]
    unit: str

    @property
    def best(self) -> int:
        """The epoch, from 0, with the lowest validation loss."""
        return min(range(len(self.validation)), key=self.validation.__getitem__)


def diagnose(history: Sequence[Mapping[str, float]], facts: Mapping[str, Any]) -> list[str]:
    """Sentences for the end of a run: what went wrong in it, and what to try; none when all looks well.

    `history` has a row an epoch (or a tree, where `facts` count "trees"). Of the facts, "device" and "waited" (share of
    the time spent on waiting for data), "pieces" (in how many a batch went through memory), "loss_without_model" (of
    the best single answer to all training rows) and "least_loss" (of answers that are all right) are looked at. The
    thresholds are ours: sparing, so that each is worth reading.
    """
    diagnostics = [_slow_data(facts), _pieces(facts)]
    curves = _curves(history, facts)
    if curves is not None:
        # One cause, one sentence: a loss that jumps also rises above its best, and one that stands still jumps never.
        diagnostics += [
            _unmoved(curves)
            or _jumping(curves)
            or _overfitted(curves)
            or _underfitted(curves, facts)
            or _unfinished(curves)
        ]
    return [sentence for sentence in diagnostics if sentence]


def light_rows(weight: NDArray[np.float64] | None) -> list[str]:
    """What to say of rows that weigh [N] next to nothing, where a trainer takes weights for numbers of rows."""
    if weight is None or not weight.any() or weight[weight > 0].mean() >= _LIGHT:
        return []
    return [
        f"The weights of the {np.count_nonzero(weight):,} training rows that weigh anything add up to "
        f"{weight.sum():.3g}, as if there were so few rows to learn from. Write them on a scale on which a row counts "
        "about 1, such as divided by their mean."
    ]


def _curves(history: Sequence[Mapping[str, float]], facts: Mapping[str, Any]) -> _Curves | None:
    """None for a history that is too short, or has gaps, or numbers that are not finite, or that is no curve: members
    of an ensemble stand beside each other."""
    if "weights" in facts:
        return None
    needed = ["train_loss", "validation_loss"]
    whole = all(name in row and math.isfinite(row[name]) for row in history for name in needed)
    if len(history) < _FEWEST or not whole:
        return None
    accuracy = [row["validation_accuracy"] for row in history if "validation_accuracy" in row]
    return _Curves(
        train=[row["train_loss"] for row in history],
        validation=[row["validation_loss"] for row in history],
        accuracy=accuracy,
        unit="tree" if "trees" in facts else "epoch",
    )


def _unmoved(curves: _Curves) -> str | None:
    if _stands_still(curves.train) and _stands_still(curves.validation):
        return (
            f"The loss stayed at {curves.validation[-1]:.4g} in all {len(curves.validation)} {curves.unit}s: the model "
            "learnt next to nothing. Try another learning_rate (ten times larger, then ten times smaller), and see "
            "whether the columns can tell anything about the target."
        )
    if len(curves.accuracy) >= _FEWEST and curves.accuracy[0] < 1 and len(set(curves.accuracy)) == 1:
        return (
            f"The validation accuracy was {curves.accuracy[0]:.4g} in every {curves.unit}, as if all rows got the same "
            "answer. If one class is far more frequent than the others, try class_weight: balanced; else another "
            "learning_rate."
        )
    return None


def _jumping(curves: _Curves) -> str | None:
    for name, losses in (("train", curves.train), ("validation", curves.validation)):
        rises = sum(later - earlier > _JUMP * abs(losses[0]) for earlier, later in pairwise(losses))
        if rises >= max(2, _MANY_JUMPS * len(losses)):
            # Trees know no batches.
            larger = "" if curves.unit == "tree" else ", or a larger batch_size"
            return (
                f"The {name} loss jumped up {rises} times in {len(losses)} {curves.unit}s. "
                f"Try a smaller learning_rate{larger}."
            )
    return None


def _overfitted(curves: _Curves) -> str | None:
    best, losses = curves.best, curves.validation
    last = _last_few(losses)
    if best >= len(losses) - last:
        return None
    # The median, so that one bad epoch at the very end is not called over-fitting.
    recent = median(losses[-last:])
    rose = recent - losses[best] > _RISE * abs(losses[0]) and recent > _RISE_OVER_BEST * losses[best]
    if not rose or median(curves.train[-last:]) >= curves.train[best]:
        return None
    return (
        f"Over-fitting: the validation loss was best in {curves.unit} {best + 1} ({losses[best]:.4g}) and rose to "
        f"{recent:.4g}, while the train loss went on falling. The best is kept. More rows or augmentation, a smaller "
        "model, or stronger regularization may give a better one."
    )


def _underfitted(curves: _Curves, facts: Mapping[str, Any]) -> str | None:
    """A loss that ends high on the very rows that were learnt, and was coming down all the time.

    High alone says nothing: where rows of one kind have different answers, no model gets below that. Such a loss comes
    to rest early, while a network that is too shallow or too slow goes on gaining, on training and validation rows.
    """
    if "loss_without_model" not in facts:
        return None
    least, middle, last = facts["least_loss"], len(curves.train) // 2, _last_few(curves.train)
    without = facts["loss_without_model"] - least
    ends = [median(losses[-last:]) for losses in (curves.train, curves.validation)]
    middles = [median(losses[middle - last : middle]) for losses in (curves.train, curves.validation)]
    gained = min(before - after for before, after in zip(middles, ends, strict=True))
    if min(ends) - least <= _HIGH * without or gained <= _SECOND_HALF * without:
        return None
    return (
        f"Under-fitting: the train loss ended at {curves.train[-1]:.4g}, where one answer for all rows has "
        f"{facts['loss_without_model']:.4g}, and the validation loss was coming down with it. More epochs, a larger "
        "learning_rate, or a deeper network (more blocks or layers; for pictures and sounds `size`) may give a better "
        "model."
    )


def _unfinished(curves: _Curves) -> str | None:
    losses = curves.validation
    last = _last_few(losses)
    before, best = min(losses[:-last]), min(losses)
    gained = losses[0] - best
    # Only where the very last epoch is the best: else the loss has stopped falling. Trees end early when it does, so
    # one that is the best of all and the last there may be was stopped by its number alone.
    is_falling = curves.unit == "tree" or before - best > max(_STILL_FALLING * gained, _STILL * abs(before))
    if best < min(losses[:-1]) and is_falling:
        more = "num_iterations" if curves.unit == "tree" else "epochs"
        over = f"last {last} {curves.unit}s" if last > 1 else f"last {curves.unit}"
        return (
            f"The validation loss was still falling at the end (from {before:.4g} to {best:.4g} in the {over}): "
            f"more {more} may give a better model."
        )
    return None


def _slow_data(facts: Mapping[str, Any]) -> str | None:
    waited, device = facts.get("waited", 0.0), str(facts.get("device", "cpu"))
    if device == "cpu" or not waited > _WAITED:
        return None
    return (
        f"The {device} device waited for data {percent(waited, 0)} of the time. Try a larger max_memory_mib, so "
        "that the rows are held on the device, or a larger batch_size; `augment: copies: 1` takes changes of rows out "
        "of the loop."
    )


def _pieces(facts: Mapping[str, Any]) -> str | None:
    if "pieces" not in facts:
        return None
    return (
        f"A step's rows would not fit into memory at once, and went through in {facts['pieces']} pieces. "
        "A smaller batch_size with as much more gradient_accumulation gives the same model, without trying what cannot "
        "fit."
    )


def _stands_still(losses: Sequence[float]) -> bool:
    return all(abs(loss - losses[0]) <= _STILL * abs(losses[0]) for loss in losses)


def _last_few(losses: Sequence[float]) -> int:
    """How many epochs are the end of a run: a fifth."""
    return max(1, len(losses) // 5)

"""How the learning rate runs over the steps of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tasks.errors import UserError
from tasks.params.torch import TorchTrain

_RISE = 0.3
"""Share of the steps over which one_cycle rises."""
_FIRST = 1 / 25
"""Where one_cycle begins, in times the highest rate."""
_LAST = 1e-4
"""Where one_cycle ends, in times its first rate."""


class Schedule:
    """The learning rate of every step. All but plateau know it from the step alone; `state` is what plateau remembers.

    Where the clock ends the run, `share`, the part of the time that has passed, stands for step / num_steps.
    """

    def __init__(self, config: TorchTrain, steps_per_epoch: int, num_steps: int) -> None:
        """`num_steps` are all steps of the run. Raises UserError for a warm-up that is longer."""
        if config.warmup_steps >= num_steps and config.warmup_steps > 0:
            raise UserError(
                f"train.warmup_steps: {config.warmup_steps:,} steps never end, as the run has {num_steps:,}; "
                "give fewer, or more epochs"
            )
        self._config, self._steps_per_epoch, self._num_steps = config, steps_per_epoch, num_steps
        self._best_loss = math.inf
        self._bad_epochs = self._decays = 0

    def rate(self, step: int, share: float | None = None) -> float:
        """That of step 0, 1, ..., with the warm-up (linear, from 1 / warmup_steps of it)."""
        warmup = self._config.warmup_steps
        rise = (step + 1) / warmup if step < warmup else 1.0
        return self._config.learning_rate * self._level(step, share) * rise

    def epoch_ended(self, validation_loss: float) -> None:
        """After plateau_patience epochs, one after the other, without a better loss, plateau decays."""
        if validation_loss < self._best_loss:
            self._best_loss, self._bad_epochs = validation_loss, 0
            return
        self._bad_epochs += 1
        if self._bad_epochs >= self._config.plateau_patience:
            self._bad_epochs, self._decays = 0, self._decays + 1

    def state(self) -> dict[str, float]:
        """What a checkpoint must hold, as JSON can (there is no best loss before the first epoch)."""
        best = {"best_loss": self._best_loss} if math.isfinite(self._best_loss) else {}
        return {"bad_epochs": self._bad_epochs, "decays": self._decays, **best}

    def restore(self, state: Mapping[str, float]) -> None:
        """Goes on from what `state` gave."""
        self._best_loss = state.get("best_loss", math.inf)
        self._bad_epochs, self._decays = int(state["bad_epochs"]), int(state["decays"])

    def _level(self, step: int, share: float | None) -> float:
        """The rate in times the highest."""
        match self._config.schedule:
            case "constant":
                return 1.0
            case "step":
                return self._config.decay_factor ** self._num_decays(step, share)
            case "cosine":
                return _cosine(self._after_warmup(step) if share is None else share)
            case "one_cycle":
                return self._one_cycle(step, share)
            case "plateau":
                return float(self._config.decay_factor**self._decays)

    def _num_decays(self, step: int, share: float | None) -> int:
        every = self._config.decay_every
        if every is None:
            if share is not None:
                # At most two decays, also at the very end, where all of the time has passed.
                return min(int(3 * share), 2)
            every = math.ceil(self._num_steps / self._steps_per_epoch / 3)
        return step // (every * self._steps_per_epoch)

    def _after_warmup(self, step: int) -> float:
        """The share of the steps behind the warm-up that is over."""
        warmup = self._config.warmup_steps
        return min(max(step - warmup, 0) / max(self._num_steps - warmup, 1), 1.0)

    def _one_cycle(self, step: int, share: float | None) -> float:
        """A rise over 30 % of the steps, then a fall to nearly nothing, each along half a cosine.

        Smith and Topin 2018, arXiv:1708.07120; with the numbers of torch.optim.lr_scheduler.OneCycleLR.
        """
        if share is None:
            top, end, place = max(_RISE * self._num_steps - 1, 0.0), self._num_steps - 1, float(step)
        else:
            top, end, place = _RISE, 1, share
        if place <= top:
            return 1 - (1 - _FIRST) * _cosine(place / top) if top else 1.0
        lowest = _FIRST * _LAST
        return lowest + (1 - lowest) * _cosine(min((place - top) / (end - top), 1.0))


def _cosine(share: float) -> float:
    """From 1 to 0 along half a cosine (Loshchilov and Hutter 2017, arXiv:1608.03983)."""
    return 0.5 * (1 + math.cos(math.pi * share))

"""What hangs on the loop's events: the best weights, early stopping, and those who only want to be told."""

from __future__ import annotations

import copy

from tasks.trainers.torch.state import Training


class Quiet:
    """Does nothing at any event: what a listener does not care about."""

    def started(self, training: Training) -> None:
        pass

    def step_ended(self, training: Training) -> None:
        pass

    def epoch_ended(self, training: Training, metrics: dict[str, float]) -> None:
        pass

    def ended(self, training: Training) -> None:
        pass


class BestWeights(Quiet):
    """Keeps a copy of the weights with the lowest validation loss: averaged ones, where weights are averaged."""

    def epoch_ended(self, training: Training, metrics: dict[str, float]) -> None:
        progress = training.progress
        if metrics["validation_loss"] < progress.best_loss:
            progress.best_loss, progress.best_epoch = metrics["validation_loss"], progress.epoch
            # A copy, as these are the tensors that go on learning.
            weights = training.network.state_dict() if training.average is None else training.average.weights()
            training.best_weights = copy.deepcopy(weights)


class EarlyStopping(Quiet):
    """Ends the training after `patience` epochs without a better validation loss (Prechelt, 1998)."""

    def __init__(self, patience: int) -> None:
        self._patience = patience

    def started(self, training: Training) -> None:
        # A process that was killed may have waited long enough already.
        self._look(training)

    def epoch_ended(self, training: Training, metrics: dict[str, float]) -> None:
        self._look(training)

    def _look(self, training: Training) -> None:
        waited = training.progress.epoch - training.progress.best_epoch
        if training.workers.agree(waited >= self._patience):
            training.stopped = True


class Teller(Quiet):
    """Passes the epochs on to the job's listeners, and those of a process that was killed before."""

    def started(self, training: Training) -> None:
        for listener in training.job.listeners:
            listener.started(training.config.epochs)
            for number, metrics in enumerate(training.progress.history, start=1):
                listener.epoch_ended(number, metrics)

    def epoch_ended(self, training: Training, metrics: dict[str, float]) -> None:
        for listener in training.job.listeners:
            listener.epoch_ended(training.progress.epoch, metrics)

    def ended(self, training: Training) -> None:
        for listener in training.job.listeners:
            listener.ended()

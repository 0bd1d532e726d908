"""All that changes while a network learns, in one place: what a checkpoint holds, and what the loop works on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tasks.networks import build
from tasks.networks.base import Dropout, InputNetwork
from tasks.networks.steps import TokenSteps
from tasks.parallel import awaited
from tasks.params.torch import TorchTrain
from tasks.trainers.base import Job, center_and_scale
from tasks.trainers.torch.averaging import Average
from tasks.trainers.torch.batches import Batches, TargetScale, make_batches, make_rows
from tasks.trainers.torch.data import Data, joined
from tasks.trainers.torch.epoch_loss import EpochLoss
from tasks.trainers.torch.fine_tuning import LoadedWeights, load_weights, read_weights
from tasks.trainers.torch.losses import Loss, make_loss
from tasks.trainers.torch.norm_statistics import NormStatistics
from tasks.trainers.torch.optimizers import freeze, make_optimizer
from tasks.trainers.torch.schedules import Schedule
from tasks.trainers.torch.speed import Way
from tasks.trainers.torch.workers import Workers, synchronized

PREDICT_ROWS = 1024
"""Rows that are answered at once."""
PLAIN = Way(precision="float32", layout="contiguous", compile=False)


@dataclass(kw_only=True)
class Progress:
    """How far the training has come; `step` and `epoch` are those that come next, both from 0."""

    epoch: int = 0
    step: int = 0
    step_in_epoch: int = 0
    best_epoch: int = 0
    best_loss: float = math.inf
    learning_rate: float = 0.0
    num_micro_batches: int = 1
    """In how many a step's rows go through the network: `gradient_accumulation`, doubled where memory would not do."""
    seconds: float = 0.0
    """Spent by processes that were killed before this one took over."""
    chosen: str = ""
    """The sentence on the way of computing, where it was chosen by measuring."""
    history: list[dict[str, float]] = field(default_factory=list)
    """The metrics of every epoch that is over."""


class Training:
    """A network that learns: what it learns from, how, and how far it has come."""

    def __init__(self, job: Job, config: TorchTrain, device: torch.device, workers: Workers) -> None:
        self.job, self.config, self.device, self.workers = job, config, device, workers
        targets, weights = job.train.targets(), job.train.weights()
        self.scale = target_scale(targets, weights, is_number=not job.spec.classes)
        self.loss: Loss = make_loss(config, job.spec, targets, weights)
        network = build(config.network, job.spec, self.loss.num_outputs)
        self.network: InputNetwork = synchronized(network, workers, device).to(device)
        max_bytes = config.max_memory_mib * 2**20
        self.batches: Batches = make_batches(
            job.train,
            job.spec,
            self.scale,
            step_rows=config.batch_size * config.gradient_accumulation,
            device=device,
            max_bytes=max_bytes,
            seed=config.seed,
            min_rows=max(2, workers.size),
            numbered=bool(job.augmentations),
        )
        # Before all that copies weights, and before another model's are taken over.
        _begin(self.network, self.batches)
        # After `synchronized`, which puts other modules in the place of batch norms.
        modules = list(self.network.modules())
        self.dropouts = [module for module in modules if isinstance(module, Dropout) and module.share]
        self.token_steps = [module for module in modules if isinstance(module, TokenSteps)]
        self.norm_statistics = NormStatistics(modules)
        self.parameters = list(self.network.parameters())
        self.loaded_weights: LoadedWeights | None = _begun_from(self)
        # Before the optimizer, which takes only what may learn.
        self.frozen_modules: list[nn.Module] = freeze(self.network, config)
        self.optimizer = make_optimizer(self.network, config)
        self.average = None if config.ema_decay is None else Average(self.network, config.ema_decay)
        self.validation = make_rows(job.validation, job.spec, self.scale, device, max_bytes, PREDICT_ROWS)
        self.num_steps = config.epochs * self.batches.num_steps
        if config.max_steps is not None:
            self.num_steps = min(self.num_steps, config.max_steps)
        self.schedule = Schedule(config, self.batches.num_steps, self.num_steps)
        self.progress = Progress(num_micro_batches=config.gradient_accumulation)
        self.best_weights: dict[str, Tensor] = {}
        self.epoch_loss = EpochLoss(device)
        self.being_written: Future[None] | None = None
        self.use(PLAIN)
        self.stopped = False
        self.since = time.monotonic()

    def use(self, way: Way) -> None:
        """From now on computes in that way: precision, how images lie in memory, and whether compiled."""
        self.way = way
        # Only convolutions have kernels for channels-last: other weights stay as they lie.
        layout = torch.channels_last if way.layout == "channels_last" else torch.contiguous_format
        for module in self.network.modules():
            if isinstance(module, nn.Conv2d):
                module.to(memory_format=layout)  # type: ignore[call-overload]
        self.forward: Callable[[Mapping[str, Tensor]], Tensor] = (
            _compiled(self.network) if way.compile else self.network
        )
        self.renew_scaler()

    def renew_scaler(self) -> None:
        """Scales losses as at the start, so that fp16 does not lose their gradients."""
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.way.precision == "fp16")

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to do."""
        return self.stopped or self.progress.step >= self.num_steps

    def seconds(self) -> float:
        """How long the training has taken, with what processes before this one spent."""
        return self.progress.seconds + time.monotonic() - self.since

    def share_of_time(self) -> float | None:
        """How much of `max_minutes` has passed, by the first worker's clock; None when there is no such limit."""
        if self.config.max_minutes is None:
            return None
        share = torch.tensor(self.seconds() / (60 * self.config.max_minutes) if self.workers.is_first else 0.0)
        self.workers.sum_([share])
        return min(float(share), 1.0)

    def learn_mode(self) -> None:
        """Dropout and batch norm as in training, but for what is frozen."""
        self.network.train()
        for module in self.frozen_modules:
            module.eval()

    def wait_for_checkpoint(self) -> None:
        """Until the one that is being written, if any, is on the disk. Raises what its thread raised, once."""
        written, self.being_written = self.being_written, None
        if written is not None:
            awaited(written)

    @contextmanager
    def reading(self, is_whole: bool) -> Iterator[None]:
        """Within, the network is told whether no text that it reads is filled up."""
        for steps in self.token_steps:
            steps.is_whole = is_whole
        try:
            yield
        finally:
            for steps in self.token_steps:
                steps.is_whole = False

    def facts(self) -> dict[str, Any]:
        """What is worth knowing of how it went."""
        facts: dict[str, Any] = {
            "device": self.device.type,
            "epochs": self.progress.epoch,
            "best_epoch": self.progress.best_epoch,
            "steps": self.progress.step,
        }
        if self.workers.size > 1:
            facts["workers"] = self.workers.size
        if self.way != PLAIN:
            facts["way"] = self.way.in_words()
        if self.progress.chosen:
            facts["chosen"] = self.progress.chosen
        if self.progress.num_micro_batches > self.config.gradient_accumulation:
            facts["pieces"] = self.progress.num_micro_batches
        if self.loaded_weights is not None:
            facts["taken_over"] = self.loaded_weights.in_words()
        return facts


def target_scale(targets: NDArray[Any], weights: NDArray[np.float64] | None = None, *, is_number: bool) -> TargetScale:
    """How a regression target is standardized; classes are not."""
    if not is_number:
        return TargetScale()
    mean, std = center_and_scale(targets, weights)
    return TargetScale(mean=mean, std=std)


def _begin(network: InputNetwork, batches: Batches) -> None:
    """What is computed from training rows, from the first of an epoch: they are drawn, the same for all workers."""
    if not network.num_first_rows:
        return
    taken: list[Data] = []
    for data in batches.epoch(0):
        taken.append(data)
        if sum(map(len, taken)) >= network.num_first_rows:
            break
    network.begin_with(joined(taken).blocks)


def _begun_from(training: Training) -> LoadedWeights | None:
    folder = training.job.init_from
    if folder is None:
        return None
    return load_weights(training.network, read_weights(folder), str(training.config.init_from))


def _compiled(network: InputNetwork) -> Callable[[Mapping[str, Tensor]], Tensor]:
    # What was compiled before, for another fold or another way, counts towards torch's limit of eight for one function.
    torch._dynamo.reset()
    # A graph for each number of rows: one for any number would be made at an epoch's last, smaller step, and a run that
    # goes on after it would compute by other graphs than one that was not killed.
    compiled: Callable[[Mapping[str, Tensor]], Tensor] = torch.compile(network, dynamic=False)
    return compiled


def home_of_float64(device: torch.device) -> torch.device:
    """Where numbers of the device can be float64: on MPS there are none."""
    return torch.device("cpu") if device.type == "mps" else device

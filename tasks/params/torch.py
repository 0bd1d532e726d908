"""The train section of params.yaml for `kind: torch`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from tasks.params.config import ClassWeight, Config, Refit, Share
from tasks.params.networks import Network

_OF_OPTIMIZER = {"momentum": ("sgd", "rmsprop", "muon"), "nesterov": ("sgd", "muon")}
"""The optimizers that each of these settings belongs to."""
_OF_SCHEDULE = {"decay_every": ("step",), "decay_factor": ("step", "plateau"), "plateau_patience": ("plateau",)}
"""The schedules that each of these settings belongs to."""


class TorchTrain(Config):
    """A neural network in PyTorch."""

    kind: Literal["torch"]
    network: Network = Field(description="the layers")

    loss: Literal["auto", "cross_entropy", "mse", "mae", "huber"] = Field(
        "auto",
        description="auto: cross_entropy for classes, mse for a number; mse also for two classes, by one sigmoid",
    )
    label_smoothing: Share = Field(0.0, description="share of each row's target that is spread over all classes")
    class_weight: ClassWeight = Field(
        None, description="how much a row of a class counts; balanced: each class as much as any other"
    )
    huber_delta: float = Field(
        1.0, gt=0, description="from which error on huber grows in a straight line, in deviations of the target"
    )

    optimizer: Literal["sgd", "adagrad", "rmsprop", "adam", "adamw", "muon"] = Field(
        "adamw",
        description="adam adds weight_decay to the gradient, adamw shrinks the weights themselves; "
        "muon: hidden layers by Muon, all else by adamw",
    )
    learning_rate: float = Field(1e-3, gt=0, description="the highest of the run; see schedule")
    momentum: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="share of the last step that goes on; 0.9 for sgd, 0.95 for muon, 0 for rmsprop when not given",
    )
    nesterov: bool | None = Field(
        None, description="sgd and muon look ahead by their momentum; true when there is momentum"
    )
    weight_decay: float = Field(1e-2, ge=0, description="how strongly weights are drawn towards zero (L2)")
    l1: float = Field(0.0, ge=0, description="penalty on the sum of the weights' sizes, which makes many nearly zero")
    clip_norm: float | None = Field(None, gt=0, description="a longer gradient is shortened to this length")

    schedule: Literal["constant", "step", "cosine", "one_cycle", "plateau"] = Field(
        "cosine", description="how the learning rate runs: step and plateau by decay_factor, cosine to nearly nothing"
    )
    warmup_steps: int = Field(0, ge=0, description="steps over which the learning rate rises from nothing")
    decay_every: int | None = Field(None, ge=1, description="of step: epochs; a third of all when not given")
    decay_factor: float = Field(0.1, gt=0, lt=1, description="of step and plateau: what the rate is multiplied by")
    plateau_patience: int = Field(3, ge=1, description="of plateau: epochs without a better validation loss")

    batch_size: int = Field(64, ge=1, description="rows that go through the network at once")
    gradient_accumulation: int = Field(1, ge=1, description="batches in one step of the optimizer")
    epochs: int = Field(30, ge=1, description="at most so many passes over the training rows; the best state is kept")
    max_steps: int | None = Field(None, ge=1, description="at most so many steps of the optimizer")
    max_minutes: float | None = Field(None, gt=0, description="at most so many minutes; needs `determinism: off`")
    patience: int | None = Field(None, ge=1, description="stop after so many epochs without a better validation loss")
    ema_decay: float | None = Field(
        None, gt=0, lt=1, description="average the weights over the steps, such as 0.999; the average is what is kept"
    )
    test_time_augmentation: Literal["none", "flip", "shift"] = Field(
        "none", description="answer by the mean over an image and its mirror image, or its four shifts by one pixel"
    )

    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$",
        examples=["auto", "cpu", "cuda:1"],
        description="auto (cuda, then mps, then cpu), cpu, mps, cuda, cuda:1",
    )
    precision: Literal["auto", "float32", "bf16", "fp16"] = Field(
        "auto", description="of most computing; auto: float32, or with `determinism: off` the fastest by measuring"
    )
    layout: Literal["auto", "contiguous", "channels_last"] = Field(
        "auto", description="how images lie in memory; auto: contiguous, or with `determinism: off` by measuring"
    )
    compile: bool | Literal["auto"] = Field(
        False, description="by torch.compile; a minute at first, then faster; auto: by measuring"
    )
    determinism: Literal["strict", "off"] = Field(
        "strict", description="strict: two runs give the same bytes; off: what is fastest, chosen by measuring"
    )
    workers: int = Field(1, ge=1, le=64, description="processes, by torchrun, that share each step; one a GPU")
    max_memory_mib: int = Field(
        2048, ge=0, description="training rows up to this size are held on the device, larger ones read part by part"
    )
    seed: int = Field(0, ge=0, description="of first weights, order of rows, dropout and augmentation")
    refit: Refit = "none"

    checkpoint_minutes: float = Field(2.0, gt=0, description="minutes between two checkpoints, by which a run goes on")
    checkpoint_steps: int | None = Field(None, ge=1, description="steps between two checkpoints, besides the minutes")

    init_from: str | None = Field(
        None, description="weights to begin with: models:/NAME@ALIAS, models:/NAME/VERSION, or a model's folder"
    )
    freeze: tuple[str, ...] = Field(
        (), description="weights that stay as they are, by the beginning of their names, such as encoders"
    )
    learning_rates: dict[str, float] = Field(
        default_factory=dict,
        description="by the beginning of weights' names: the learning rate in times the common one",
    )

    @model_validator(mode="after")
    def _optimizer_fits(self) -> TorchTrain:
        for name, optimizers in _OF_OPTIMIZER.items():
            if getattr(self, name) is not None and self.optimizer not in optimizers:
                *first, last = optimizers
                wanted = f"{', '.join(first)} and {last}"
                raise ValueError(f"{name} is of {wanted}, and the optimizer is {self.optimizer}; remove {name}")
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov looks ahead by the momentum, and momentum is 0; remove one of them")
        return self

    @model_validator(mode="after")
    def _schedule_fits(self) -> TorchTrain:
        for name, schedules in _OF_SCHEDULE.items():
            if not self.is_default(name) and self.schedule not in schedules:
                wanted = " and ".join(schedules)
                raise ValueError(f"{name} is of schedule {wanted}, and the schedule is {self.schedule}; remove {name}")
        if self.warmup_steps and self.schedule == "one_cycle":
            raise ValueError("one_cycle has a warm-up of its own; remove warmup_steps, or use schedule: cosine")
        if self.max_steps is not None and self.warmup_steps >= self.max_steps:
            raise ValueError(f"warmup_steps {self.warmup_steps} never end in max_steps {self.max_steps}; give fewer")
        return self

    @model_validator(mode="after")
    def _loss_fits(self) -> TorchTrain:
        if self.loss in ("mse", "mae", "huber"):
            for name in ("label_smoothing", "class_weight"):
                if getattr(self, name):
                    raise ValueError(f"{name} is of loss cross_entropy, and the loss is {self.loss}; remove {name}")
        if not self.is_default("huber_delta") and self.loss != "huber":
            raise ValueError(f"huber_delta is of loss huber, and the loss is {self.loss}; remove huber_delta")
        return self

    @model_validator(mode="after")
    def _clock_decides_nothing_when_strict(self) -> TorchTrain:
        if self.determinism == "off":
            return self
        if self.max_minutes is not None:
            raise ValueError(
                "max_minutes lets the clock decide when to stop, and determinism is strict; "
                "give max_steps instead, or add `determinism: off`"
            )
        if self.compile == "auto":
            raise ValueError(
                "compile: auto lets the clock decide, and determinism is strict; write true or false, "
                "or add `determinism: off`"
            )
        return self

    @model_validator(mode="after")
    def _refits_alone(self) -> TorchTrain:
        if self.refit != "none" and self.workers > 1:
            raise ValueError(f"refit {self.refit} trains once more in one process; take workers or refit out")
        return self

    @model_validator(mode="after")
    def _weights_are_there_to_be_kept(self) -> TorchTrain:
        if self.freeze and self.init_from is None:
            raise ValueError("freeze keeps weights as they are, and fresh ones know nothing yet; give init_from")
        wrong = [factor for factor in self.learning_rates.values() if factor <= 0]
        if wrong:
            raise ValueError(f"learning_rates: {wrong[0]:g} is not above 0; weights that are to stay belong to freeze")
        return self

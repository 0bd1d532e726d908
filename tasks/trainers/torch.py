"""Neural networks in PyTorch: one loop for every network, in short steps, told to listeners."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor, nn
from torch.nn import functional

from tasks.augmentation.mix import draw_mixture, mix_blocks, weighted
from tasks.devices import choose_device, deterministic, is_there, memory_errors, own_random_numbers, threads_for
from tasks.errors import UserError
from tasks.inputs import Examples, ModelInput, Spec
from tasks.networks import build
from tasks.networks.base import InputNetwork
from tasks.params import CnnNetwork, MlpNetwork, Network, TorchTrain
from tasks.trainers.base import Fitted, Job, check_job, read_model, write_model

_WEIGHTS = "model.safetensors"
_PREDICT_BATCH = 1024
_HELD_ON_DEVICE = 2**30
"""Bytes: a training set up to this size is moved to the accelerator once, a larger one batch by batch."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How a regression target is standardized: the network learns (value - mean) / deviation."""

    mean: float = 0.0
    deviation: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Data:
    """Examples as tensors: a block a column, and the target [N] int64, or float32 standardized."""

    blocks: dict[str, Tensor]
    target: Tensor

    def __len__(self) -> int:
        return len(self.target)

    def take(self, rows: Tensor, device: torch.device) -> Data:
        """The rows of these numbers, on the device."""
        rows = rows.to(self.target.device)
        blocks = {name: block[rows].to(device) for name, block in self.blocks.items()}
        return Data(blocks=blocks, target=self.target[rows].to(device))


class TorchModel:
    """A trained network that answers encoded rows."""

    def __init__(self, spec: Spec, config: Network, network: InputNetwork, scale: Scale, device: str) -> None:
        self.spec, self.config, self.network, self.scale, self.device = spec, config, network, scale, device

    def predict(self, inputs: ModelInput) -> NDArray[np.float64]:
        answers = [self._predict_rows(inputs, start) for start in range(0, inputs.num_rows, _PREDICT_BATCH)]
        shape = (0, len(self.spec.classes)) if self.spec.classes else (0,)
        return np.concatenate([np.zeros(shape), *answers])

    def save(self, folder: Path) -> None:
        weights = {name: tensor.cpu().contiguous() for name, tensor in sorted(self.network.state_dict().items())}
        settings = {
            "network": self.config.model_dump(mode="json"),
            "target": {"mean": self.scale.mean, "deviation": self.scale.deviation},
            "device": self.device,
        }
        write_model(folder, "torch", self.spec, _WEIGHTS, save_safetensors(weights), **settings)

    def _predict_rows(self, inputs: ModelInput, start: int) -> NDArray[np.float64]:
        device = next(self.network.parameters()).device
        rows = slice(start, start + _PREDICT_BATCH)
        blocks = {field.name: _as_tensor(inputs.blocks[field.name][rows]).to(device) for field in self.spec.fields}
        self.network.eval()
        with deterministic(device), torch.inference_mode():
            outputs = self.network(blocks).cpu().to(torch.float64)
        answers = torch.softmax(outputs, dim=1) if self.spec.classes else self._in_units(outputs[:, 0])
        return answers.numpy()

    def _in_units(self, outputs: Tensor) -> Tensor:
        return outputs * self.scale.deviation + self.scale.mean


class TorchTrainer:
    """Trains any of the networks; the same seed on the same machine gives the same weights, bit for bit."""

    requirements: tuple[str, ...] = ("torch", "safetensors")

    def fit(self, job: Job, config: TorchTrain) -> Fitted:
        check_job(job)
        device = choose_device(config.device)
        batch_numbers = config.batch_size * sum(field.num_inputs for field in job.spec.fields)
        with (
            memory_errors(config.batch_size),
            deterministic(device),
            own_random_numbers(device, config.seed),
            threads_for(batch_numbers),
        ):
            training = Training(job, config, device)
            fit(training)
        model = TorchModel(job.spec, config.network, training.network, training.scale, config.device)
        return Fitted(model=model, facts=training.facts())

    def load(self, folder: Path, spec: Spec) -> TorchModel:
        content, weights = read_model(folder, "torch", spec)
        config = _network_config(content["network"])
        network = build(config, spec)
        try:
            network.load_state_dict(load_safetensors(weights))
        except (SafetensorError, RuntimeError) as error:
            said = str(error).splitlines()[0]
            raise UserError(f"{folder / _WEIGHTS}: does not fit model.json ({said}); run stage train again") from None
        network.to(_device_or_cpu(content["device"]))
        return TorchModel(spec, config, network, Scale(**content["target"]), content["device"])


class Training:
    """All that changes while a network learns."""

    def __init__(self, job: Job, config: TorchTrain, device: torch.device) -> None:
        self.job, self.config, self.device = job, config, device
        self.scale = _target_scale(job)
        self.network = build(config.network, job.spec).to(device)
        self.optimizer = _optimizer(self.network, config)
        # For orders and augmentations, on the CPU: the same draws on every device, whatever dropout draws.
        self.generator = torch.Generator().manual_seed(config.seed)
        self.train = _as_data(job.spec, job.train, self.scale, device)
        self.validation = _as_data(job.spec, job.validation, self.scale, device)
        self.epoch = self.best_epoch = 0
        self.best_loss = math.inf
        self.best_weights: dict[str, Tensor] = {}

    def facts(self) -> dict[str, Any]:
        """What is worth knowing of how it went."""
        num_weights = sum(weights.numel() for weights in self.network.parameters())
        return {
            "device": self.device.type,
            "epochs": self.epoch,
            "best_epoch": self.best_epoch,
            "num_weights": num_weights,
        }


def fit(training: Training) -> None:
    """Epoch after epoch until the last, or until patience is over; then the best weights are put back."""
    listeners = training.job.listeners
    for listener in listeners:
        listener.started(training.config.epochs)
    try:
        while training.epoch < training.config.epochs and not _out_of_patience(training):
            metrics = run_epoch(training)
            for listener in listeners:
                listener.epoch_ended(training.epoch, metrics)
    finally:
        for listener in listeners:
            listener.ended()
    training.network.load_state_dict(training.best_weights)


def run_epoch(training: Training) -> dict[str, float]:
    """One pass over the training rows and one over the validation rows. Returns the epoch's metrics."""
    learning_rate = _learning_rate(training.config, training.epoch)
    for group in training.optimizer.param_groups:
        group["lr"] = learning_rate
    training.epoch += 1
    training.network.train()
    order = torch.randperm(len(training.train), generator=training.generator)
    batches = split_rows(order, training.config.batch_size)
    losses = torch.stack([train_step(training, rows) for rows in batches]).cpu()
    # Looked at once an epoch: a look at every batch would make an accelerator wait.
    if not losses.isfinite().all():
        batch = int((~losses.isfinite()).nonzero()[0]) + 1
        raise UserError(_not_finite(training, f"batch {batch} of {len(batches)}"))
    sizes = torch.tensor([len(rows) for rows in batches])
    train_loss = float((losses * sizes).sum() / sizes.sum())
    metrics = {"train_loss": train_loss, **validate(training), "learning_rate": learning_rate}
    _keep_the_best(training, metrics["validation_loss"])
    return metrics


def train_step(training: Training, rows: Tensor) -> Tensor:
    """One step down the gradient on the rows of these numbers. Returns the batch's loss, a scalar on the device."""
    batch = training.train.take(rows, training.device)
    loss = _training_loss(training, _augmented(training, batch.blocks), batch.target)
    training.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    training.optimizer.step()
    return loss.detach()


def validate(training: Training) -> dict[str, float]:
    """The loss over the validation rows, and their accuracy, or for regression the RMSE in the target's units."""
    spec, data = training.job.spec, training.validation
    training.network.eval()
    rows = torch.split(torch.arange(len(data)), _PREDICT_BATCH)
    with torch.inference_mode():
        outputs = torch.cat([training.network(data.take(some, training.device).blocks) for some in rows]).cpu()
    target = data.target.cpu()
    loss = float(_loss(spec, outputs, target))
    if not math.isfinite(loss):
        raise UserError(_not_finite(training, "validation"))
    if spec.classes:
        return {"validation_loss": loss, "validation_accuracy": float((outputs.argmax(1) == target).double().mean())}
    return {"validation_loss": loss, "validation_rmse": loss**0.5 * training.scale.deviation}


def split_rows(order: Tensor, batch_size: int) -> list[Tensor]:
    """Row numbers [N] in batches; a last row that would be alone joins the batch before, as batch norm needs two."""
    batches = list(torch.split(order, batch_size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def _device_or_cpu(wanted: str) -> torch.device:
    """Where a loaded model answers: a model trained elsewhere must answer here too."""
    return choose_device(wanted) if wanted == "auto" or is_there(torch.device(wanted)) else torch.device("cpu")


def _optimizer(network: nn.Module, config: TorchTrain) -> torch.optim.Optimizer:
    weights, decay = network.parameters(), config.weight_decay
    match config.optimizer:
        case "adamw":
            return torch.optim.AdamW(weights, lr=config.learning_rate, weight_decay=decay)
        case "adam":
            return torch.optim.Adam(weights, lr=config.learning_rate, weight_decay=decay)
        case "sgd":
            return torch.optim.SGD(weights, lr=config.learning_rate, weight_decay=decay, momentum=0.9, nesterov=True)


def _learning_rate(config: TorchTrain, epoch: int) -> float:
    """That of epoch 0, 1, ...; cosine falls to nearly nothing (Loshchilov and Hutter, arXiv:1608.03983)."""
    if config.schedule == "constant":
        return config.learning_rate
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * epoch / config.epochs))


def _loss(spec: Spec, outputs: Tensor, target: Tensor) -> Tensor:
    if spec.classes:
        return functional.cross_entropy(outputs, target)
    return functional.mse_loss(outputs[:, 0], target)


def _training_loss(training: Training, blocks: dict[str, Tensor], target: Tensor) -> Tensor:
    """The loss of a batch, whose rows are mixed first where the job says so: then of both rows' targets, weighted."""
    spec, mix = training.job.spec, training.job.mix
    mixture = draw_mixture(mix, spec, len(target), training.generator)
    if mixture is None:
        return _loss(spec, training.network(blocks), target)
    outputs = training.network(mix_blocks(spec, blocks, mixture))
    other = target[mixture.partner.to(target.device)]
    if not spec.classes:
        return _loss(spec, outputs, weighted(target, other, mixture.weight))
    return weighted(_loss(spec, outputs, target), _loss(spec, outputs, other), mixture.weight)


def _augmented(training: Training, blocks: dict[str, Tensor]) -> dict[str, Tensor]:
    changed = {
        name: augment(_unrounded(blocks[name]), training.generator)
        for name, augment in training.job.augmentations.items()
    }
    return {**blocks, **changed}


def _unrounded(block: Tensor) -> Tensor:
    """Bytes as float32, so that they are not rounded once more; the network scales them either way."""
    return block.to(torch.float32) if block.dtype == torch.uint8 else block


def _keep_the_best(training: Training, loss: float) -> None:
    if loss < training.best_loss:
        training.best_loss, training.best_epoch = loss, training.epoch
        training.best_weights = copy.deepcopy(training.network.state_dict())


def _out_of_patience(training: Training) -> bool:
    patience = training.config.patience
    return patience is not None and training.epoch - training.best_epoch >= patience


def _not_finite(training: Training, where: str) -> str:
    config = training.config
    return (
        f"train: the loss is not finite in epoch {training.epoch}, {where}; try a smaller train.learning_rate "
        f"(it is {config.learning_rate:g}), or `normalize: number: scale: standard`"
    )


def _target_scale(job: Job) -> Scale:
    if job.spec.classes:
        return Scale()
    values = job.train.target.astype(np.float64)
    # A constant target has no deviation, and is learnt as it is.
    return Scale(mean=float(values.mean()), deviation=float(values.std()) or 1.0)


def _as_data(spec: Spec, examples: Examples, scale: Scale, device: torch.device) -> Data:
    blocks = {field.name: _as_tensor(examples.inputs.blocks[field.name]) for field in spec.fields}
    target = examples.target if spec.classes else (examples.target - scale.mean) / scale.deviation
    numbers = _as_tensor(np.asarray(target, dtype=np.int64 if spec.classes else np.float32))
    size = sum(block.nbytes for block in blocks.values())
    home = device if size <= _HELD_ON_DEVICE else torch.device("cpu")
    return Data(blocks={name: block.to(home) for name, block in blocks.items()}, target=numbers.to(home))


def _as_tensor(block: NDArray[Any]) -> Tensor:
    # A copy where polars lent its memory read-only, which torch warns of.
    return torch.from_numpy(np.require(block, requirements=["C", "W"]))


def _network_config(content: dict[str, Any]) -> Network:
    # Through JSON, as only there a list may stand for a tuple.
    kind = CnnNetwork if content["kind"] == "cnn" else MlpNetwork
    return kind.model_validate_json(json.dumps(content))

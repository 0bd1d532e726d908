"""How weights move: the optimizer, which weights shrink, which stay, and which move faster than others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from tasks.errors import UserError, did_you_mean
from tasks.params.torch import TorchTrain
from tasks.trainers.torch.muon import MuonWithAdamW, hidden_weights

_SGD_MOMENTUM, _MUON_MOMENTUM = 0.9, 0.95
_LISTED = 20
"""Beginnings of names that a message lists at most."""


def make_optimizer(network: nn.Module, config: TorchTrain) -> torch.optim.Optimizer:
    """The optimizer of these parameters, over the weights that are to learn (call `frozen` first).

    Each group has a `factor` by `learning_rates`, which `set_rate` obeys. Weights of two or more dimensions decay;
    biases and norms do not, as they cannot overfit. Raises UserError for a beginning that fits no weight, and for muon
    where no layer is hidden.
    """
    groups = _groups(network, config)
    fast = _fast(next(network.parameters()).device, config)
    optimizer = _optimizer(groups, config, fast)
    # Else the first rate would be without the groups' factors.
    set_rate(optimizer, config.learning_rate)
    if fast.get("fused"):
        optimizer.register_step_pre_hook(_align)
    return optimizer


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """From now on steps with this learning rate, times each group's factor."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]


def add_l1(network: nn.Module, l1: float) -> None:
    """Adds the gradient of l1 times the sum of the weights' sizes, of those that would decay: call it behind the last
    backward of a step, before the gradient is clipped."""
    learning = [
        (weight, weight.grad)
        for name, weight in network.named_parameters()
        if weight.grad is not None and _decays(name, weight)
    ]
    if not learning:
        return
    with torch.no_grad():
        signs = torch._foreach_sign([weight for weight, _ in learning])
        torch._foreach_add_([gradient for _, gradient in learning], signs, alpha=l1)


def freeze(network: nn.Module, config: TorchTrain) -> list[nn.Module]:
    """Keeps the weights that `freeze` names from learning.

    Returns the batch norms among them: call eval() on each after every network.train(), or their statistics would move
    on. Raises UserError for a beginning that fits no weight, and where nothing is left to learn.
    """
    names = [name for name, _ in network.named_parameters()]
    for beginning in config.freeze:
        _check_fits("freeze", beginning, names)
    for name, weight in network.named_parameters():
        if any(_begins(name, beginning) for beginning in config.freeze):
            weight.requires_grad_(False)
    if not any(weight.requires_grad for weight in network.parameters()):
        raise UserError(
            f"train.freeze: {', '.join(config.freeze)} is all there is, and nothing would learn; freeze less"
        )
    return [
        module
        for path, module in network.named_modules()
        if isinstance(module, _BatchNorm) and any(_begins(path, beginning) for beginning in config.freeze)
    ]


def _groups(network: nn.Module, config: TorchTrain) -> list[dict[str, Any]]:
    learning = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
    for beginning in config.learning_rates:
        _check_fits("learning_rates", beginning, [name for name, _ in network.named_parameters()])
        if not any(_begins(name, beginning) for name in learning):
            raise UserError(f"train.learning_rates: all of {beginning} is frozen; remove it here or from freeze")
    hidden = _hidden(network, learning, config)
    groups: dict[tuple[float, bool, bool], list[Tensor]] = {}
    for name, weight in learning.items():
        key = (_factor(name, config.learning_rates), _decays(name, weight), name in hidden)
        groups.setdefault(key, []).append(weight)
    return [
        {
            "params": weights,
            "factor": factor,
            "weight_decay": config.weight_decay if decays else 0.0,
            **({"is_hidden": is_hidden} if config.optimizer == "muon" else {}),
        }
        for (factor, decays, is_hidden), weights in groups.items()
    ]


def _hidden(network: nn.Module, learning: Iterable[str], config: TorchTrain) -> set[str]:
    """Of the weights that are to learn, those that muon moves."""
    if config.optimizer != "muon":
        return set()
    hidden = hidden_weights(network) & set(learning)
    if not hidden:
        raise UserError(
            f"train.optimizer: muon is for matrices of hidden layers, and of network {config.network.kind} none is one "
            "that learns (the first and the last layer, embeddings and recurrent layers are not); use "
            "`optimizer: adamw`, or more layers"
        )
    return hidden


def _optimizer(groups: list[dict[str, Any]], config: TorchTrain, fast: dict[str, Any]) -> torch.optim.Optimizer:
    rate = config.learning_rate
    match config.optimizer:
        case "sgd":
            momentum = _SGD_MOMENTUM if config.momentum is None else config.momentum
            # torch refuses Nesterov's form without a momentum.
            nesterov = momentum > 0 if config.nesterov is None else config.nesterov
            return torch.optim.SGD(groups, lr=rate, momentum=momentum, nesterov=nesterov, **fast)
        case "adagrad":
            return torch.optim.Adagrad(groups, lr=rate, **fast)
        case "rmsprop":
            return torch.optim.RMSprop(groups, lr=rate, momentum=config.momentum or 0.0, **fast)
        case "adam":
            return torch.optim.Adam(groups, lr=rate, **fast)
        case "adamw":
            return torch.optim.AdamW(groups, lr=rate, **fast)
        case "muon":
            momentum = _MUON_MOMENTUM if config.momentum is None else config.momentum
            return MuonWithAdamW(groups, rate=rate, momentum=momentum, nesterov=config.nesterov is not False)


def _fast(device: torch.device, config: TorchTrain) -> dict[str, Any]:
    """The fastest variant there is. Fused ones give the same bytes in two runs and on any number of threads, and took
    half to a tenth of the time of a loop over the weights, on a CPU with networks of 17,000 and 460,000 weights."""
    fused = {"cpu": ("sgd", "adagrad", "adam", "adamw"), "cuda": ("sgd", "adam", "adamw")}
    if config.optimizer in fused.get(device.type, ()):
        return {"fused": True}
    return {"foreach": True} if device.type in ("cpu", "cuda") else {}


def _align(optimizer: torch.optim.Optimizer, *_: Any) -> None:
    """Lays gradients and states out as their weights are. Fused variants go through memory without a look at strides:
    channels-last weights with states from before, or from a checkpoint, would get each other's numbers."""
    for group in optimizer.param_groups:
        for weight in group["params"]:
            if weight.dim() != 4:
                continue
            if weight.grad is not None and weight.grad.stride() != weight.stride():
                weight.grad = _laid_out_as(weight, weight.grad)
            state = optimizer.state.get(weight, {})
            for name, value in state.items():
                if torch.is_tensor(value) and value.shape == weight.shape and value.stride() != weight.stride():
                    state[name] = _laid_out_as(weight, value)


def _laid_out_as(weight: Tensor, values: Tensor) -> Tensor:
    return torch.empty_like(weight, dtype=values.dtype).copy_(values)


def _decays(name: str, weight: Tensor) -> bool:
    # By name as well: the biases of many networks in one have a dimension for the networks.
    return weight.dim() >= 2 and "bias" not in name.rpartition(".")[2]


def _factor(name: str, learning_rates: Mapping[str, float]) -> float:
    """That of the longest beginning that fits, else 1."""
    fitting = [beginning for beginning in learning_rates if _begins(name, beginning)]
    return learning_rates[max(fitting, key=len)] if fitting else 1.0


def _begins(name: str, beginning: str) -> bool:
    # By whole words between the dots: encoders.1 is not the beginning of encoders.10.
    return f"{name}.".startswith(f"{beginning.rstrip('.')}.")


def _check_fits(setting: str, beginning: str, names: Iterable[str]) -> None:
    names = list(names)
    if any(_begins(name, beginning) for name in names):
        return
    known = _beginnings(names)
    hint = did_you_mean(beginning, known)
    # All beginnings stand in the message already.
    suggestion = "" if hint.startswith("; known") else hint
    more = "" if len(known) <= _LISTED else f" and {len(known) - _LISTED} more"
    listed = ", ".join(known[:_LISTED])
    raise UserError(f"train.{setting}: no weight begins with {beginning!r} (there are {listed}{more}){suggestion}")


def _beginnings(names: Iterable[str]) -> list[str]:
    """The first word and the first two of each name, in their order: encoders, encoders.0, head, head.weight."""
    words = [name.split(".") for name in names]
    return list(dict.fromkeys(".".join(some[:length]) for some in words for length in (1, 2) if length <= len(some)))

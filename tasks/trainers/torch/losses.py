"""How wrong outputs are, row by row, and what they mean as an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from tasks.errors import UserError
from tasks.model_input.inputs import Spec
from tasks.params.torch import TorchTrain
from tasks.wording import quoted

LossKind = Literal["cross_entropy", "mse", "mae", "huber"]
_LISTED = 20
"""Classes that a message lists at most."""


class Loss:
    """The loss of a run. `num_outputs` is how many numbers a network must answer with for each row: one for each class,
    and one for a number, or for two classes by mean squared error, where its sigmoid is the second one's probability.
    """

    def __init__(self, config: TorchTrain, kind: LossKind, num_classes: int, weights: Tensor | None = None) -> None:
        self.kind, self.num_classes = kind, num_classes
        self.num_outputs = num_classes if kind == "cross_entropy" else 1
        self._smoothing, self._delta = config.label_smoothing, config.huber_delta
        self._weights = weights

    def row_losses(self, outputs: Tensor, target: Tensor) -> Tensor:
        """Each row's loss [B], computed in float32 at least, from outputs [B, O] and targets [B].

        Of outputs [B, M, O], by M networks in one, it is the mean of their losses: so each learns by itself. Where
        labels are smoothed (Szegedy et al. 2016, arXiv:1512.00567), a row's target is (1 - smoothing) of its class and
        smoothing / K of all.
        """
        losses = self._computed(outputs, target, "none")
        return losses if outputs.dim() == 2 else losses.reshape(outputs.shape[:2]).mean(1)

    def row_weights(self, target: Tensor, own: Tensor | None = None) -> Tensor:
        """How much each row counts, [B] float32: by its class, times its own weight [B] where it has one; a batch's
        loss is the weighted mean."""
        if self._weights is None:
            return torch.ones(len(target), dtype=torch.float32, device=target.device) if own is None else own
        # Kept where the targets are: a copy in every step would make an accelerator wait.
        self._weights = self._weights.to(target.device)
        of_class = self._weights[target]
        return of_class if own is None else of_class * own

    def weighted_sum(self, outputs: Tensor, target: Tensor, own: Tensor | None = None) -> Tensor:
        """The training rows' losses, each times its weight, summed up: a scalar."""
        losses = self.row_losses(outputs, target)
        if self._weights is None and own is None:
            return losses.sum()
        return (losses * self.row_weights(target, own)).sum()

    def mean(self, outputs: Tensor, target: Tensor) -> Tensor:
        """The mean of rows that all count the same: a scalar."""
        return self._computed(outputs, target, "mean")

    def total_weight(self, target: Tensor, own: Tensor | None = None) -> Tensor | float:
        """The sum of the rows' weights: a float32 scalar where the targets are, or the number of rows that all count
        the same, which nobody has to wait for."""
        if self._weights is None and own is None:
            return float(len(target))
        return self.row_weights(target, own).sum()

    def bounds(self, target: Tensor, own: Tensor | None = None) -> dict[str, float]:
        """What can be had without a model, one answer for all rows [N], and the least there is; empty for losses whose
        best single answer is no mean. Targets that are numbers are standardized."""
        if self.kind not in ("cross_entropy", "mse"):
            return {}
        weights = self.row_weights(target, own).double()
        if self.kind == "mse":
            center = (weights * target).sum() / weights.sum()
            spread = (weights * (target - center) ** 2).sum() / weights.sum()
            return {"loss_without_model": float(spread), "least_loss": 0.0}
        shares = torch.bincount(target, weights, minlength=self.num_classes) / weights.sum()
        sure = torch.eye(self.num_classes, dtype=torch.float64)[0]
        without, least = (
            float(torch.special.entr((1 - self._smoothing) * of_classes + self._smoothing / self.num_classes).sum())
            for of_classes in (shares, sure)
        )
        return {"loss_without_model": without, "least_loss": least}

    def answers(self, outputs: Tensor) -> Tensor:
        """Outputs [B, O] or [B, M, O] as probabilities [B, K], or as values [B], still standardized, for a number; the
        mean over M members. The dtype stays, so it should be float64."""
        if self.kind == "cross_entropy":
            return _over_members(torch.softmax(outputs, dim=-1))
        if not self.num_classes:
            return _over_members(outputs)[:, 0]
        second = _over_members(torch.sigmoid(outputs))
        return torch.cat([1 - second, second], dim=1)

    def log_odds(self, outputs: Tensor, number: int) -> Tensor:
        """ln(p / (1 - p)) of a class [B], p being the mean of what V outputs [V, B, O] or [V, B, M, O] say: from logs,
        as the difference of a probability near 1 from 1 is lost."""
        if self.kind != "cross_entropy":
            outputs = torch.cat([torch.zeros_like(outputs), outputs], dim=-1)
        logs = torch.log_softmax(outputs.to(torch.float64), dim=-1)
        by_class = logs.movedim(1, 0).reshape(logs.shape[1], -1, logs.shape[-1])
        others = [other for other in range(by_class.shape[-1]) if other != number]
        return torch.logsumexp(by_class[..., number], dim=1) - torch.logsumexp(by_class[..., others].flatten(1), dim=1)

    def _computed(self, outputs: Tensor, target: Tensor, reduction: Literal["none", "mean"]) -> Tensor:
        """[B, O] or [B, M, O], [B] -> [B] or [B * M], or a scalar that is their mean."""
        if outputs.dim() == 3:
            target = target[:, None].expand(outputs.shape[:2]).reshape(-1)
            outputs = outputs.flatten(0, 1)
        outputs = outputs.to(torch.promote_types(outputs.dtype, torch.float32))
        if self.kind == "cross_entropy":
            return functional.cross_entropy(outputs, target, reduction=reduction, label_smoothing=self._smoothing)
        values, target = outputs[:, 0], target.to(outputs.dtype)
        if self.num_classes:
            values = torch.sigmoid(values)
        match self.kind:
            case "mse":
                return functional.mse_loss(values, target, reduction=reduction)
            case "mae":
                return functional.l1_loss(values, target, reduction=reduction)
            case "huber":
                return functional.huber_loss(values, target, reduction=reduction, delta=self._delta)


def make_loss(config: TorchTrain, spec: Spec, target: NDArray[Any], weight: NDArray[np.float64] | None = None) -> Loss:
    """The loss of these parameters; `target` [N] are the training rows' class numbers or values, `weight` [N] how much
    each of them counts.

    Raises UserError for a loss that does not fit the task, and for class weights of classes that are not there.
    """
    kind = _kind(config, spec)
    if not spec.classes:
        return Loss(config, kind, 0)
    return Loss(config, kind, len(spec.classes), _class_weights(config, spec, target, weight))


def _kind(config: TorchTrain, spec: Spec) -> LossKind:
    if spec.classes:
        return _kind_for_classes(config, len(spec.classes))
    if config.loss == "cross_entropy":
        raise UserError("train.loss: cross_entropy is for classes, and the target is a number; use mse, mae or huber")
    for name in ("class_weight", "label_smoothing"):
        if getattr(config, name):
            raise UserError(f"train.{name}: is for classes, and the target is a number; remove {name}")
    return "mse" if config.loss == "auto" else config.loss


def _kind_for_classes(config: TorchTrain, num_classes: int) -> LossKind:
    if config.loss in ("mae", "huber"):
        raise UserError(f"train.loss: {config.loss} is for a number, and the target has classes; use cross_entropy")
    if config.loss == "mse" and num_classes != 2:
        raise UserError(
            f"train.loss: mse is for a number or for two classes, and the target has {num_classes}; use cross_entropy"
        )
    return "mse" if config.loss == "mse" else "cross_entropy"


def _class_weights(
    config: TorchTrain, spec: Spec, target: NDArray[Any], weight: NDArray[np.float64] | None
) -> Tensor | None:
    """[K] float32, 1 for a class that is not named."""
    if config.class_weight is None:
        return None
    if config.class_weight == "balanced":
        return _balanced(target, len(spec.classes), weight)
    _check_named(config.class_weight, spec)
    return torch.tensor([config.class_weight.get(name, 1.0) for name in spec.classes], dtype=torch.float32)


def _balanced(target: NDArray[Any], num_classes: int, weight: NDArray[np.float64] | None) -> Tensor:
    """n / (K * n_k), [K] float32, so that rows count 1 on average (after King and Zeng 2001, Logistic Regression in
    Rare Events Data). K are the classes that have rows; one that has none keeps 1."""
    counts = np.bincount(target, weight, minlength=num_classes)
    weights = np.ones(num_classes)
    # A class without rows would be divided by 0.
    there = counts > 0
    weights[there] = counts.sum() / (there.sum() * counts[there])
    return torch.tensor(weights, dtype=torch.float32)


def _check_named(weights: Mapping[str, float], spec: Spec) -> None:
    for name in weights:
        if name not in spec.classes:
            raise UserError(
                f"train.class_weight: the target has no class {name!r}; its classes are {_listed(spec.classes)}"
            )


def _listed(classes: Sequence[str]) -> str:
    more = f" and {len(classes) - _LISTED} more" if len(classes) > _LISTED else ""
    return quoted(classes[:_LISTED]) + more


def _over_members(answers: Tensor) -> Tensor:
    """[B, O] of [B, O] or [B, M, O]."""
    return answers.mean(1) if answers.dim() == 3 else answers

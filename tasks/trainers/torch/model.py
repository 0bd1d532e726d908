"""A trained network that answers encoded rows, and its files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor

from tasks.errors import UserError
from tasks.files import again
from tasks.model_input.inputs import Field, ModelInput, Spec
from tasks.networks import build
from tasks.networks.base import InputNetwork, check_shapes
from tasks.params.renamed import with_new_names
from tasks.params.torch import TorchTrain
from tasks.trainers.base import read_model, write_model
from tasks.trainers.introspection import ModelSize, Terms
from tasks.trainers.torch.batches import TargetScale, as_tensor
from tasks.trainers.torch.devices import choose_device, deterministic, is_there, threads_for
from tasks.trainers.torch.integrated import ExplainedNetwork
from tasks.trainers.torch.losses import Loss, make_loss
from tasks.trainers.torch.state import PREDICT_ROWS
from tasks.trainers.torch.test_time import variants

_WEIGHTS = "model.safetensors"
_FEWEST_ROWS = 16
"""Fewer are filled up with the last one: for a few rows a CPU's libraries add in another order, and a row's answer must
be the same in any company."""
_KEPT = {"kind", "network", "loss", "test_time_augmentation", "device"}
"""The settings that a model needs in order to answer."""


class TorchModel:
    """Answers by the network, in float32, on the device that it was trained on if it is there."""

    def __init__(self, spec: Spec, config: TorchTrain, network: InputNetwork, loss: Loss, scale: TargetScale) -> None:
        self.spec, self.config, self.network, self.loss, self.scale = spec, config, network, loss, scale

    def predict(self, inputs: ModelInput) -> NDArray[np.float64]:
        answers = [self._predict_rows(inputs, start) for start in range(0, inputs.num_rows, PREDICT_ROWS)]
        shape = (0, len(self.spec.classes)) if self.spec.classes else (0,)
        return np.concatenate([np.zeros(shape), *answers])

    def terms(self, rows: ModelInput, empty: ModelInput, outputs: NDArray[np.int64]) -> Terms | None:
        explained = ExplainedNetwork(self.spec, self.network, self.loss, self.scale, self.config.test_time_augmentation)
        return explained.terms(rows, empty, outputs)

    def size(self) -> ModelSize:
        """The weights of the network."""
        num = sum(weight.numel() for weight in self.network.parameters())
        return ModelSize(num_parameters=num, parameters="weights")

    def save(self, folder: Path) -> None:
        weights = {name: tensor.cpu().contiguous() for name, tensor in sorted(self.network.state_dict().items())}
        settings = {
            "train": self.config.model_dump(mode="json", include=_KEPT),
            "target": {"mean": self.scale.mean, "std": self.scale.std},
        }
        write_model(folder, "torch", self.spec, _WEIGHTS, save_safetensors(weights), **settings)

    def _predict_rows(self, inputs: ModelInput, start: int) -> NDArray[np.float64]:
        device = next(self.network.parameters()).device
        num_rows = min(PREDICT_ROWS, inputs.num_rows - start)
        blocks = {field.name: self._block(inputs, field, start, num_rows).to(device) for field in self.spec.fields}
        check_shapes(self.spec, blocks)
        self.network.eval()
        share = threads_for(num_rows * sum(field.num_inputs for field in self.spec.fields))
        with deterministic(), share, torch.inference_mode():
            kind = self.config.test_time_augmentation
            answers = torch.stack([self._answers(variant) for variant in variants(self.spec, blocks, kind)]).mean(0)
        answers = answers[:num_rows]
        return (answers if self.spec.classes else answers * self.scale.std + self.scale.mean).numpy()

    def _block(self, inputs: ModelInput, field: Field, start: int, num_rows: int) -> Tensor:
        rows = inputs.blocks[field.name][start : start + num_rows]
        missing = _FEWEST_ROWS - num_rows
        return as_tensor(rows if missing <= 0 else np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)]))

    def _answers(self, blocks: dict[str, Tensor]) -> Tensor:
        # In float64, so on the CPU: not every device has it.
        return self.loss.answers(self.network(blocks).cpu().to(torch.float64))


def load_model(folder: Path, spec: Spec) -> TorchModel:
    """The model that `TorchModel.save` wrote. Raises UserError when a file is missing or damaged."""
    content, weights = read_model(folder, "torch", spec)
    try:
        config, scale = _kept_config(content["train"]), _target_scale(content["target"])
    except (KeyError, TypeError, ValidationError):
        raise UserError(
            f"{folder / 'model.json'}: damaged (not what a trainer writes); run stage train again"
        ) from None
    loss = make_loss(config, spec, np.zeros(0))
    network = build(config.network, spec, loss.num_outputs)
    try:
        network.load_state_dict(load_safetensors(weights))
    except (SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{folder / _WEIGHTS}: does not fit model.json ({reason}); run stage train again{again(folder)}"
        ) from None
    network.to(_device_or_cpu(config.device))
    return TorchModel(spec, config, network, loss, scale)


def _target_scale(content: dict[str, float]) -> TargetScale:
    # A model that was registered before says "deviation".
    return TargetScale(mean=content["mean"], std=content["std"] if "std" in content else content["deviation"])


def _kept_config(content: dict[str, Any]) -> TorchTrain:
    # A model that was registered before a setting was renamed has the old name in its model.json.
    renamed = with_new_names({"train": content})["train"]
    # Through JSON, as only there a list may stand for a tuple.
    return TorchTrain.model_validate_json(json.dumps(renamed))


def _device_or_cpu(wanted: str) -> torch.device:
    """Where a loaded model answers: a model trained elsewhere must answer here too."""
    return choose_device(wanted) if wanted == "auto" or is_there(torch.device(wanted)) else torch.device("cpu")

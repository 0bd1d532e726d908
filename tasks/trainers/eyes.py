"""Pictures through a trained network: what its encoders find in a column, in place of the column's pixels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import nn

from tasks import files
from tasks.errors import UserError
from tasks.model_input.inputs import Field, ModelInput, Spec
from tasks.networks import build
from tasks.networks.base import Encoder, JoinedNetwork
from tasks.params.config import Config
from tasks.params.networks import Network
from tasks.trainers.torch.data import as_tensor
from tasks.trainers.torch.devices import choose_device, deterministic, threads_for

_CARD = "eyes.json"
_WEIGHTS = "eyes.safetensors"
_MOST_ROWS = 1024
_FEWEST_ROWS = 16
"""Fewer are filled up with black ones: for some numbers of rows below 8, and for a single one, a CPU's libraries add in
another order. (Measured with torch 2.13 on networks of every kind that reads pictures.)"""
_MOST_NUMBERS = 1 << 23
"""Bytes of pictures that are looked at at once: what a network makes of them meanwhile is a hundred times as much."""


class Sight(Config):
    """One encoder: which pictures it reads, and the columns that are seen through it."""

    kind: Literal["image", "audio"]
    shape: tuple[int, int, int]
    columns: tuple[str, ...]

    def field(self, name: str) -> Field:
        """What the encoder is built for. How bytes are scaled comes with its weights."""
        return read_by_network(name, self.kind, self.shape)


class _Card(Config):
    """eyes.json."""

    format: Literal[1] = 1
    network: Network
    sights: tuple[Sight, ...]
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Eyes:
    """Encoders of a network, one for each sight; `device` is where they look."""

    network: Network
    sights: tuple[Sight, ...]
    encoders: nn.ModuleList
    device: torch.device

    def seen(self, spec: Spec) -> Spec:
        """What is to be read once the eyes have seen: for each of their columns `width` numbers, NAME[seen 0] ..."""
        widths = {name: _width(encoder) for name, _, encoder in self._columns()}
        fields = (_seen_field(one.name, widths[one.name]) if one.name in widths else one for one in spec.fields)
        return replace(spec, fields=tuple(fields))

    def see(self, inputs: ModelInput) -> ModelInput:
        """The same rows; pictures [N, C, H, W] have become what is found in them, [N, width] float32."""
        found = {
            name: _look(encoder, inputs.blocks[name], self.device, sight.shape)
            for name, sight, encoder in self._columns()
        }
        return ModelInput(blocks={**inputs.blocks, **found}, num_rows=inputs.num_rows)

    def save(self, folder: Path) -> None:
        """Writes eyes.safetensors and eyes.json into a folder that is there: same eyes, same bytes."""
        weights = {name: tensor.cpu().contiguous() for name, tensor in sorted(self.encoders.state_dict().items())}
        content = save_safetensors(weights)
        files.write_bytes(folder / _WEIGHTS, content)
        sha256 = hashlib.sha256(content).hexdigest()
        card = _Card(network=self.network, sights=self.sights, sha256=sha256)
        files.write_json(folder / _CARD, card.model_dump(mode="json"))

    def _columns(self) -> list[tuple[str, Sight, nn.Module]]:
        pairs = zip(self.sights, self.encoders, strict=True)
        return [(name, sight, encoder) for sight, encoder in pairs for name in sight.columns]


def ready(network: Network, sights: tuple[Sight, ...], encoders: nn.ModuleList) -> Eyes:
    """Eyes that have their weights: on the machine's fastest device, and as they answer, not as they learn."""
    device = choose_device("auto")
    return Eyes(network=network, sights=sights, encoders=encoders.to(device).eval(), device=device)


def load_eyes(folder: Path, spec: Spec) -> Eyes:
    """What `Eyes.save` wrote. Raises UserError when a file is missing, damaged, or made for other columns than the
    spec's."""
    card = _read_card(folder / _CARD)
    _check_columns(folder / _CARD, card.sights, spec)
    encoders = nn.ModuleList(encoder_of(card.network, sight) for sight in card.sights)
    path = folder / _WEIGHTS
    content = path.read_bytes() if path.is_file() else None
    if content is None:
        raise UserError(f"{path}: there is no such file; run stage train again (`modelwright run --from train`)")
    if hashlib.sha256(content).hexdigest() != card.sha256:
        raise UserError(f"{path}: damaged (not the bytes that were seen through); run stage train again")
    fill(encoders, load_safetensors(content), path)
    return ready(card.network, card.sights, encoders)


def encoder_of(network: Network, sight: Sight) -> Encoder:
    """The sight's encoder with fresh weights: columns beside it do not change how it is built."""
    alone = Spec(fields=(sight.field("picture"),), task="regression", classes=())
    return encoders_of(network, alone)[0]


def encoders_of(network: Network, spec: Spec) -> list[Encoder]:
    """The network's encoders with fresh weights, one for each field."""
    built = build(network, spec)
    assert isinstance(built, JoinedNetwork), "every family has an encoder a column"
    return [encoder for encoder in built.encoders if isinstance(encoder, Encoder)]


def fill(encoders: nn.ModuleList, weights: Mapping[str, torch.Tensor], path: Path) -> None:
    """Puts the weights into the encoders. Raises UserError when they are not theirs."""
    try:
        encoders.load_state_dict(weights)
    except (SafetensorError, RuntimeError) as error:
        said = str(error).splitlines()[0]
        raise UserError(f"{path}: does not fit what is said beside it ({said}); run stage train again") from None


def read_by_network(name: str, kind: Any, shape: tuple[int, ...], vocabulary: int = 0) -> Field:
    """A field as model.json tells of it: without its scale, in whose place stands one of the same size."""
    scale = (0.0,) * shape[0] if kind in ("image", "audio") else ()
    return Field(name=name, kind=kind, shape=shape, vocabulary=vocabulary, factor=scale, offset=scale)


def _look(encoder: nn.Module, pictures: NDArray[np.uint8], device: torch.device, shape: tuple[int, ...]) -> Any:
    """What the encoder finds in pictures [N, *shape]: [N, width] float32, each row's alike in any company."""
    assert pictures.shape[1:] == shape, "the recipe's shape was checked when the eyes were made or loaded"
    num_inputs = int(np.prod(shape))
    most = max(1, min(_MOST_ROWS, _MOST_NUMBERS // num_inputs))
    found = np.zeros((len(pictures), _width(encoder)), dtype=np.float32)
    share = threads_for(min(most, len(pictures)) * num_inputs)
    with _float32(), deterministic(device), share, torch.inference_mode():
        for start in range(0, len(pictures), most):
            batch = pictures[start : start + most]
            filled = as_tensor(_filled_up(batch, min(_FEWEST_ROWS, most))).to(device)
            found[start : start + most] = encoder(filled)[: len(batch)].cpu().numpy()
    return found


def _filled_up(pictures: NDArray[np.uint8], num_rows: int) -> NDArray[np.uint8]:
    missing = num_rows - len(pictures)
    if missing <= 0:
        return pictures
    return np.concatenate([pictures, np.zeros((missing, *pictures.shape[1:]), dtype=np.uint8)])


@contextmanager
def _float32() -> Iterator[None]:
    """Without TensorFloat-32: who learnt from what a GPU saw must see the same, nearly, on a CPU."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def _seen_field(name: str, width: int) -> Field:
    labels = tuple(f"{name}[seen {number}]" for number in range(width))
    return Field(name=name, kind="dense", shape=(width,), labels=labels)


def _width(encoder: nn.Module) -> int:
    assert isinstance(encoder, Encoder)
    return encoder.width


def _read_card(path: Path) -> _Card:
    if not path.is_file():
        raise UserError(f"{path}: there is no such file; run stage train again (`modelwright run --from train`)")
    content = files.read_json(path)
    try:
        # Through JSON, as only there a list may stand for a tuple.
        return _Card.model_validate_json(json.dumps(content))
    except ValidationError:
        raise UserError(f"{path}: damaged (not what a trainer writes); run stage train again") from None


def _check_columns(path: Path, sights: tuple[Sight, ...], spec: Spec) -> None:
    there = {field.name: (field.kind, field.shape) for field in spec.fields}
    for sight in sights:
        for name in sight.columns:
            if there.get(name) != (sight.kind, sight.shape):
                raise UserError(f"{path}: column {name} is not as the recipe has it; run stage train again")

"""A network's encoders at work: their weights in a file, and what they find in pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import nn

from tasks.errors import UserError
from tasks.files import again
from tasks.model_input.inputs import Field, Spec
from tasks.networks import build
from tasks.networks.base import Encoder, JoinedNetwork
from tasks.params.networks import Network
from tasks.recipe.embedding import EmbeddingEncoding
from tasks.trainers.torch.devices import choose_device, deterministic, threads_for

_AGAIN = "run stage normalize again"
_MOST_ROWS = 1024
_FEWEST_ROWS = 16
"""Fewer are filled up with black ones: for some numbers of rows below 8, and for a single one, a CPU's libraries add in
another order. (Measured with torch 2.13 on networks of every kind that reads pictures.)"""
_MOST_NUMBERS = 1 << 23
"""Bytes of pictures that are read at once: what a network makes of them meanwhile is a hundred times as much."""


@dataclass(frozen=True, kw_only=True)
class Encoders:
    """Encoders by their numbers, and where they compute."""

    modules: Mapping[int, Encoder]
    device: torch.device

    def embed(self, number: int, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What that encoder finds in pictures [N, C, H, W]: [N, width], each row's alike in any company."""
        encoder, num_inputs = self.modules[number], int(np.prod(pictures.shape[1:]))
        most = max(1, min(_MOST_ROWS, _MOST_NUMBERS // num_inputs))
        features = np.zeros((len(pictures), encoder.width), dtype=np.float32)
        share = threads_for(min(most, len(pictures)) * num_inputs)
        # Among other things in float32 as it is: what a model learnt from on a GPU it must get, nearly, from a CPU.
        with deterministic(), share, torch.inference_mode():
            for start in range(0, len(pictures), most):
                batch = pictures[start : start + most]
                filled = _as_tensor(_filled_up(batch, min(_FEWEST_ROWS, most))).to(self.device)
                features[start : start + most] = encoder(filled)[: len(batch)].cpu().numpy()
        return features


def ready(modules: Mapping[int, Encoder]) -> Encoders:
    """Encoders that have their weights: on the machine's fastest device, and as they answer, not as they learn."""
    device = choose_device("auto")
    return Encoders(modules={number: module.to(device).eval() for number, module in modules.items()}, device=device)


def read_encoders(path: Path, encodings: Sequence[EmbeddingEncoding]) -> Encoders:
    """The encoders whose weights `weights_of` made. Raises UserError when the file is missing or damaged."""
    content = path.read_bytes() if path.is_file() else None
    if content is None:
        raise UserError(f"{path}: there is no such file; {_AGAIN}{again(path)}")
    if any(hashlib.sha256(content).hexdigest() != encoding.sha256 for encoding in encodings):
        raise UserError(f"{path}: damaged (not the bytes that the recipe was made with); {_AGAIN}{again(path)}")
    tensors = load_safetensors(content)
    modules: dict[int, Encoder] = {}
    for encoding in encodings:
        if encoding.encoder not in modules:
            modules[encoding.encoder] = encoder_of(encoding)
            fill(modules[encoding.encoder], tensors_below(f"{encoding.encoder}.", tensors), path, _AGAIN)
    return ready(modules)


def weights_of(modules: Mapping[int, Encoder]) -> bytes:
    """The content of recipe.safetensors, which holds nothing where there is no encoder: same encoders, same bytes."""
    tensors = {
        f"{number}.{name}": tensor.cpu().contiguous()
        for number, module in modules.items()
        for name, tensor in module.state_dict().items()
    }
    # Sorted and from the CPU, so that the bytes depend on the weights alone.
    return save_safetensors(dict(sorted(tensors.items())))


def encoder_of(encoding: EmbeddingEncoding) -> Encoder:
    """The encoder with fresh weights: columns beside it do not change how it is built."""
    picture = encoding.picture.field("picture")
    # A task and classes are needed to build any network, and decide nothing about its encoder.
    alone = Spec(fields=(read_by_network("picture", picture.kind, picture.shape),), task="regression", classes=())
    return encoders_of(encoding.network, alone)[0]


def encoders_of(network: Network, spec: Spec) -> list[Encoder]:
    """The network's encoders with fresh weights, one for each field."""
    built = build(network, spec)
    assert isinstance(built, JoinedNetwork), "every family has an encoder a column"
    return [encoder for encoder in built.encoders if isinstance(encoder, Encoder)]


def tensors_below(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Those whose names begin with the prefix, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def fill(module: nn.Module, weights: Mapping[str, torch.Tensor], path: Path, cure: str) -> None:
    """Puts the weights into the module. Raises UserError when they are not its own."""
    try:
        module.load_state_dict(weights)
    except (SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: does not fit what is said beside it ({reason}); {cure}") from None


def read_by_network(name: str, kind: Any, shape: tuple[int, ...], vocabulary: int = 0) -> Field:
    """A field as model.json tells of it: without its scale, in whose place stands one of the same size.

    How bytes are scaled comes with the encoder's weights.
    """
    scale = (0.0,) * shape[0] if kind in ("image", "audio") else ()
    return Field(name=name, kind=kind, shape=shape, vocabulary=vocabulary, factor=scale, offset=scale)


def _filled_up(pictures: NDArray[np.uint8], num_rows: int) -> NDArray[np.uint8]:
    missing = num_rows - len(pictures)
    if missing <= 0:
        return pictures
    return np.concatenate([pictures, np.zeros((missing, *pictures.shape[1:]), dtype=np.uint8)])


def _as_tensor(pictures: NDArray[np.uint8]) -> torch.Tensor:
    # A copy where polars lent memory read-only, which torch warns of.
    return torch.from_numpy(np.require(pictures, requirements=["C", "W"]))

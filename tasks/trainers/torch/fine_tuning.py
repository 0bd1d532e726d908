"""Begins with the weights of another model, where they fit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tasks import files
from tasks.errors import UserError

_NAMED = 3
"""Weights that `in_words` names of each sort at most."""
_OF_THE_RECIPE = ("factor", "offset")
"""Buffers that scale bytes as the recipe says: this model's recipe, not the other's."""


@dataclass(frozen=True, kw_only=True)
class OtherShape:
    """A weight that is there under the same name with another shape."""

    name: str
    there: tuple[int, ...]
    here: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.name} ({list(self.there)} there, {list(self.here)} here)"


@dataclass(frozen=True, kw_only=True)
class LoadedWeights:
    """Which weights came from `source`, by name; `missing` are not in it, `unused` are in it and have no place here."""

    source: str
    loaded: tuple[str, ...]
    missing: tuple[str, ...] = ()
    other_shape: tuple[OtherShape, ...] = ()
    unused: tuple[str, ...] = ()

    def in_words(self) -> str:
        """One line: how many weights were loaded, and which were not, and why."""
        num_weights = len(self.loaded) + len(self.missing) + len(self.other_shape)
        phrases = [f"{len(self.loaded)} of {num_weights} weights from {self.source}"]
        if self.other_shape:
            phrases.append(f"of another shape: {_some(map(str, self.other_shape))}")
        if self.missing:
            phrases.append(f"not in it: {_some(self.missing)}")
        if self.unused:
            phrases.append(f"in it without a place here: {_some(self.unused)}")
        return "; ".join(phrases)


def load_weights(network: nn.Module, weights: Mapping[str, Tensor], source: str) -> LoadedWeights:
    """Copies the weights whose name and shape fit into the network; all others stay as they are.

    What the recipe says of bytes is never loaded. `source` is what the user calls the other model. Raises UserError
    when no parameter fits.
    """
    own = {name: tensor for name, tensor in network.state_dict().items() if not _is_of_the_recipe(network, name)}
    fitting = [name for name, tensor in own.items() if name in weights and weights[name].shape == tensor.shape]
    other_shape = tuple(
        OtherShape(name=name, there=tuple(weights[name].shape), here=tuple(tensor.shape))
        for name, tensor in own.items()
        if name in weights and weights[name].shape != tensor.shape
    )
    report = LoadedWeights(
        source=source,
        loaded=tuple(fitting),
        missing=tuple(name for name in own if name not in weights),
        other_shape=other_shape,
        unused=tuple(name for name in weights if name not in network.state_dict()),
    )
    if not {name for name, _ in network.named_parameters()} & set(fitting):
        raise UserError(_nothing_fits(report))
    with torch.no_grad():
        for name in fitting:
            own[name].copy_(weights[name])
    return report


def read_weights(folder: Path) -> dict[str, Tensor]:
    """The weights of a model that a run left in this folder. Raises UserError when a file is missing or damaged, or the
    model is none of PyTorch's."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    if not (folder / "model.json").is_file():
        raise UserError(f"train.init_from: {folder} holds no model.json; give the folder of a trained model")
    path, sha256 = _weights_file(folder, files.read_json(folder / "model.json"))
    content = path.read_bytes() if path.is_file() else None
    if content is None:
        raise UserError(
            f"train.init_from: {path} is not there; copy the model's whole folder, or train that model again"
        )
    try:
        weights = load(content) if hashlib.sha256(content).hexdigest() == sha256 else None
    except SafetensorError:
        weights = None
    if weights is None:
        raise UserError(
            f"train.init_from: {path} is damaged (not the bytes that were trained); "
            "copy the model again, or train it again"
        )
    return weights


def _weights_file(folder: Path, content: Any) -> tuple[Path, str]:
    """The file that model.json names, and the digest that it must have."""
    match content:
        # A plain name: one with folders in it would lead out of the model's folder.
        case {"trainer": "torch", "weights": {"file": str(file), "sha256": str(sha256)}} if file == Path(file).name:
            return folder / file, sha256
        case {"trainer": str(kind)} if kind != "torch":
            raise UserError(
                f"train.init_from: the model in {folder} is of {kind}, and only weights of kind torch can be loaded"
            )
        case _:
            raise UserError(f"train.init_from: {folder / 'model.json'} is damaged (not what a trainer writes)")


def _is_of_the_recipe(network: nn.Module, name: str) -> bool:
    path, _, last = name.rpartition(".")
    return last in _OF_THE_RECIPE and last in dict(network.get_submodule(path).named_buffers(recurse=False))


def _nothing_fits(report: LoadedWeights) -> str:
    why = []
    if report.other_shape:
        why.append(f"of another shape are {_some(map(str, report.other_shape))}")
    if report.missing:
        why.append(f"this network has {_some(report.missing)}, and it has {_some(report.unused) or 'none of them'}")
    return (
        f"train.init_from: no weight of {report.source} fits this network ({'; '.join(why)}); "
        "use the network section that it was trained with, or remove init_from"
    )


def _some(names: Iterable[str]) -> str:
    listed: Sequence[str] = list(names)
    more = f" and {len(listed) - _NAMED} more" if len(listed) > _NAMED else ""
    return ", ".join(listed[:_NAMED]) + more

"""A model that reads pictures through a trained network. The trainers know nothing of it: to them, what was seen is a
column of numbers like any other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from safetensors.torch import load as load_safetensors
from torch import nn

from tasks import files
from tasks.errors import UserError
from tasks.model_input.example_parts import StoredExamples
from tasks.model_input.inputs import Examples, Field, FieldKind, ModelInput, Spec
from tasks.networks.base import Encoder, PlainEncoder
from tasks.params.config import Config, Task
from tasks.params.networks import Network
from tasks.trainers.base import Fitted, Job, Model, Trainer, read_model, refuse_batch_changes
from tasks.trainers.eyes import Eyes, Sight, encoders_of, fill, load_eyes, read_by_network, ready

_SETTING = "train.image_features"
_PLURALS = {"image": "images", "audio": "sounds"}


@dataclass(frozen=True)
class SeeingModel:
    """Looks first, and lets the model answer what was seen; both lie in one folder."""

    eyes: Eyes
    model: Model

    def predict(self, inputs: ModelInput) -> NDArray[np.float64]:
        return self.model.predict(self.eyes.see(inputs))

    def save(self, folder: Path) -> None:
        self.model.save(folder)
        self.eyes.save(folder)


def fit_seeing(by: Trainer[Any], job: Job, config: Any) -> Fitted:
    """Fits a model on what the network in `job.image_features` sees. Raises UserError when it cannot read the job's
    pictures."""
    assert job.image_features is not None
    # Looking takes a while, so what the trainer will refuse anyway is better refused now.
    refuse_batch_changes(job, config.kind)
    eyes = find_eyes(job.image_features, job.spec)
    train, validation = _seen(job.train, eyes), _seen(job.validation, eyes)
    fitted = by.fit(replace(job, spec=eyes.seen(job.spec), train=train, validation=validation), config)
    return replace(fitted, model=SeeingModel(eyes, fitted.model))


def load_seeing(by: Trainer[Any], folder: Path, spec: Spec) -> SeeingModel:
    """What `SeeingModel.save` wrote. Raises UserError when a file is missing or damaged."""
    eyes = load_eyes(folder, spec)
    return SeeingModel(eyes, by.load(folder, eyes.seen(spec)))


def find_eyes(folder: Path, spec: Spec) -> Eyes:
    """The encoders of the network in `folder` for the spec's images, and for its sounds where the network reads any.

    A column is read by the encoder of the same name, else by the first one for pictures of its shape. Raises UserError
    when there is none, when there is no picture to see, or when the folder holds no network.
    """
    pictures = [field for field in spec.fields if field.is_picture]
    if not pictures:
        raise UserError(f"{_SETTING}: no feature column is an image, so there is nothing to see; remove it")
    network, trained = _read_network(folder)
    known = {field: encoder for field, encoder in trained.items() if _finds_something(field, encoder)}
    if not known:
        raise UserError(_blind(folder, network, trained))
    wanted = [field for field in pictures if field.kind == "image" or field.kind in {one.kind for one in known}]
    columns: dict[Field, list[str]] = {}
    for column in wanted or pictures:
        columns.setdefault(_match(column, list(known), folder), []).append(column.name)
    sights = tuple(_sight(field, names) for field, names in columns.items())
    return ready(network, sights, nn.ModuleList(known[field] for field in columns))


class _ReadField(Config):
    """A field as model.json tells of it."""

    name: str
    kind: FieldKind
    shape: tuple[int, ...]
    vocabulary: int = 0


class _Reads(Config):
    """What model.json says that a network reads and answers."""

    fields: tuple[_ReadField, ...]
    task: Task
    classes: tuple[str, ...]

    def spec(self) -> Spec:
        fields = (read_by_network(one.name, one.kind, one.shape, one.vocabulary) for one in self.fields)
        return Spec(fields=tuple(fields), task=self.task, classes=self.classes)


def _read_network(folder: Path) -> tuple[Network, Mapping[Field, Encoder]]:
    """The network's settings, and its encoders with their weights."""
    path = folder / "model.json"
    card = files.read_json(path)
    kind = card.get("trainer") if isinstance(card, dict) else None
    if isinstance(kind, str) and kind != "torch":
        raise UserError(
            f"{_SETTING}: the model in {folder} is of {kind}, and only a network sees; give one of kind torch"
        )
    try:
        # Through JSON, as only there a list may stand for a tuple.
        spec = _Reads.model_validate_json(json.dumps(card["reads"])).spec()
        network: Network = TypeAdapter(Network).validate_json(json.dumps(card["train"]["network"]))
    except (KeyError, TypeError, ValidationError):
        raise UserError(f"{_SETTING}: {path} is damaged (not what a trainer writes); train that model again") from None
    try:
        _, content = read_model(folder, "torch", spec)
    except UserError as error:
        raise UserError(f"{_SETTING}: {error} for that model, or give another one") from None
    encoders = encoders_of(network, spec)
    of_encoders = {name: tensor for name, tensor in load_safetensors(content).items() if name.startswith("encoders.")}
    numbered = {name.removeprefix("encoders."): tensor for name, tensor in of_encoders.items()}
    fill(nn.ModuleList(encoders), numbered, path)
    return network, dict(zip(spec.fields, encoders, strict=True))


def _finds_something(field: Field, encoder: Encoder) -> bool:
    return field.is_picture and not isinstance(encoder, PlainEncoder)


def _match(column: Field, known: list[Field], folder: Path) -> Field:
    fitting = [field for field in known if (field.kind, field.shape) == (column.kind, column.shape)]
    if not fitting:
        there = " and ".join(f"{_PLURALS[field.kind]} {_size(field)} (column {field.name})" for field in known)
        raise UserError(
            f"{_SETTING}: column {column.name} holds {_PLURALS[column.kind]} of shape {_size(column)}, and the network "
            f"in {folder} reads {there}; make them of one shape in the normalize section ({column.kind}), or give "
            "another network"
        )
    return next((field for field in fitting if field.name == column.name), fitting[0])


def _blind(folder: Path, network: Network, trained: Mapping[Field, Encoder]) -> str:
    cure = "give one of kind cnn or vit that learnt from images"
    pictures = [field.name for field in trained if field.is_picture]
    if pictures:
        return f"{_SETTING}: network {network.kind} in {folder} takes {pictures[0]} pixel by pixel as it is; {cure}"
    names = ", ".join(field.name for field in trained)
    return f"{_SETTING}: network {network.kind} in {folder} reads {names}, and none of them is an image; {cure}"


def _sight(field: Field, columns: list[str]) -> Sight:
    return Sight.model_validate({"kind": field.kind, "shape": field.shape, "columns": columns})


def _size(field: Field) -> str:
    return " x ".join(map(str, field.shape))


def _seen(examples: Examples | StoredExamples, eyes: Eyes) -> Examples:
    loaded = examples.loaded()
    return replace(loaded, inputs=eyes.see(loaded.inputs))

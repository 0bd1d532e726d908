"""Trained networks whose encoders pictures are embedded by: read from a model's folder, and matched with columns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import nn

from tasks import files
from tasks.digests import folder_digest
from tasks.errors import UserError
from tasks.model_input.inputs import RENAMED_KINDS, Field, FieldKind, Spec
from tasks.networks.base import Encoder, PlainEncoder
from tasks.params.config import Config, Task
from tasks.params.networks import Network
from tasks.params.renamed import with_new_names
from tasks.recipe.embedding import EmbeddingEncoding
from tasks.recipe.learning import NetworkReference
from tasks.recipe.picture_encoders import encoders_of, fill, read_by_network, tensors_below, weights_of
from tasks.recipe.recipe import Feature, Recipe
from tasks.trainers.base import read_model

_PLURALS = {"image": "images", "audio": "sounds"}


@dataclass(frozen=True, kw_only=True)
class TrainedNetwork:
    """A network's settings, and those of its encoders that find something in pictures, by what they read."""

    folder: Path
    settings: Network
    encoders: Mapping[Field, Encoder]

    def encoder_for(self, column: Field, setting: str) -> Encoder:
        """The encoder of the column's name, else the first one for pictures of its shape.

        Raises UserError, which names `setting`, when there is none.
        """
        fitting = [field for field in self.encoders if (field.kind, field.shape) == (column.kind, column.shape)]
        if not fitting:
            raise UserError(f"{setting}: {self._of_another_shape(column)}")
        return self.encoders[next((field for field in fitting if field.name == column.name), fitting[0])]

    def _of_another_shape(self, column: Field) -> str:
        pictures = " and ".join(
            f"{_PLURALS[field.kind]} {_size(field)} (column {field.name})" for field in self.encoders
        )
        return (
            f"column {column.name} holds {_PLURALS[column.kind]} of shape {_size(column)}, and the network in "
            f"{self.folder} reads {pictures}; make them of one shape in the normalize section ({column.kind}), or give "
            "another network"
        )


def embedded(
    recipe: Recipe, references: Mapping[str, NetworkReference], folders: Mapping[str, Path]
) -> tuple[Recipe, bytes]:
    """The recipe with these columns embedded by the networks in `folders`, both by column; and what recipe.safetensors
    is to hold, each encoder once.

    Raises UserError when a folder holds no network that can read its column.
    """
    matches = _matches(recipe, references, folders)
    # Two columns of one shape may share an encoder, which is then kept once.
    encoders = dict.fromkeys(encoder for _, encoder in matches.values())
    numbers = {encoder: number for number, encoder in enumerate(encoders)}
    weights = weights_of({number: encoder for encoder, number in numbers.items()})
    sha256 = hashlib.sha256(weights).hexdigest()
    encodings = {
        column: {
            "network": network.settings,
            "source": references[column].source,
            "model": folder_digest(network.folder),
            "encoder": numbers[encoder],
            "width": encoder.width,
            "sha256": sha256,
        }
        for column, (network, encoder) in matches.items()
    }
    return _with_encodings(recipe, encodings), weights


def read_network(folder: Path, setting: str) -> TrainedNetwork:
    """The network that the torch trainer saved in this folder.

    Raises UserError, which names `setting`, when the folder holds no network, or one without an encoder for pictures.
    """
    path = folder / "model.json"
    content = files.read_json(path)
    trainer = content.get("trainer") if isinstance(content, dict) else None
    if isinstance(trainer, str) and trainer != "torch":
        raise UserError(
            f"{setting}: the model in {folder} is of {trainer}, and only a network embeds; give one of kind torch"
        )
    try:
        # Through JSON, as only there a list may stand for a tuple.
        spec = _Reads.model_validate_json(json.dumps(content["reads"])).spec()
        # A network that was trained before a setting was renamed has the old name in its model.json.
        train = with_new_names({"train": content["train"]})["train"]
        settings: Network = TypeAdapter(Network).validate_json(json.dumps(train["network"]))
    except (KeyError, TypeError, ValidationError):
        raise UserError(f"{setting}: {path} is damaged (not what a trainer writes); train that model again") from None
    trained = dict(zip(spec.fields, _trained_encoders(folder, settings, spec, setting), strict=True))
    encoders = {field: encoder for field, encoder in trained.items() if _reads_pictures(field, encoder)}
    if not encoders:
        raise UserError(f"{setting}: {_without_encoder(folder, settings, trained)}")
    return TrainedNetwork(folder=folder, settings=settings, encoders=encoders)


class _ReadField(Config):
    """A field as model.json tells of it."""

    name: str
    kind: Annotated[FieldKind, BeforeValidator(lambda kind: RENAMED_KINDS.get(kind, kind))]
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


def _trained_encoders(folder: Path, settings: Network, spec: Spec, setting: str) -> list[Encoder]:
    """The network's encoders with their weights, one for each field."""
    try:
        _, content = read_model(folder, "torch", spec)
        encoders = encoders_of(settings, spec)
        weights = tensors_below("encoders.", load_safetensors(content))
        fill(nn.ModuleList(encoders), weights, folder / "model.json", "run stage train again")
    except SafetensorError:
        path = folder / "model.safetensors"
        raise UserError(f"{setting}: {path} is damaged (no safetensors file); train that model again") from None
    except UserError as error:
        raise UserError(f"{setting}: {error} for that model, or give another one") from None
    return encoders


def _matches(
    recipe: Recipe, references: Mapping[str, NetworkReference], folders: Mapping[str, Path]
) -> dict[str, tuple[TrainedNetwork, Encoder]]:
    """By column: its network, each read once, and the encoder of it."""
    networks: dict[Path, TrainedNetwork] = {}
    for column, reference in references.items():
        if folders[column] not in networks:
            networks[folders[column]] = read_network(folders[column], reference.setting)
    fields = {field.name: field for field in recipe.spec().fields}
    of_column = {column: networks[folders[column]] for column in references}
    return {
        column: (network, network.encoder_for(fields[column], references[column].setting))
        for column, network in of_column.items()
    }


def _with_encodings(recipe: Recipe, encodings: Mapping[str, Mapping[str, Any]]) -> Recipe:
    """The recipe with these columns' own encodings inside of embeddings."""
    features = tuple(
        _embedded_feature(feature, encodings[feature.name]) if feature.name in encodings else feature
        for feature in recipe.features
    )
    num_inputs = sum(feature.encoding.field(feature.name).num_inputs for feature in features)
    return recipe.model_copy(update={"features": features, "num_inputs": num_inputs})


def _embedded_feature(feature: Feature, settings: Mapping[str, Any]) -> Feature:
    encoding = EmbeddingEncoding(type=feature.encoding.type, picture=feature.encoding, **settings)
    return feature.model_copy(update={"encoding": encoding})


def _reads_pictures(field: Field, encoder: Encoder) -> bool:
    """Whether it finds something in pictures, rather than pass their pixels on."""
    return field.is_picture and not isinstance(encoder, PlainEncoder)


def _without_encoder(folder: Path, network: Network, trained: Mapping[Field, Encoder]) -> str:
    cure = "give one of kind cnn or vit that learnt from images"
    pictures = [field.name for field in trained if field.is_picture]
    if pictures:
        return f"network {network.kind} in {folder} takes {pictures[0]} pixel by pixel as it is; {cure}"
    names = ", ".join(field.name for field in trained)
    return f"network {network.kind} in {folder} reads {names}, and none of them is an image; {cure}"


def _size(field: Field) -> str:
    return " x ".join(map(str, field.shape))

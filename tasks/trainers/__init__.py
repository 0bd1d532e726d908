"""The trainers, by the `kind` of a pipeline's train section: one file each, and one line here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasks import files
from tasks.errors import UserError
from tasks.model_input.inputs import Spec
from tasks.trainers.base import Fitted, Job, Model, Trainer


def _torch() -> Trainer[Any]:
    from tasks.trainers.torch import TorchTrainer

    return TorchTrainer()


def _lightgbm() -> Trainer[Any]:
    from tasks.trainers.lightgbm import LightgbmTrainer

    return LightgbmTrainer()


def _sklearn() -> Trainer[Any]:
    from tasks.trainers.sklearn import SklearnTrainer

    return SklearnTrainer()


TRAINERS: dict[str, Callable[[], Trainer[Any]]] = {"torch": _torch, "lightgbm": _lightgbm, "sklearn": _sklearn}
"""What makes each trainer; its library is imported there and nowhere earlier."""


def trainer(kind: str) -> Trainer[Any]:
    """The trainer of that kind."""
    return TRAINERS[kind]()


def fit(job: Job, config: Any) -> Fitted:
    """Trains as the train section says. Raises UserError when the model does not fit the columns."""
    return trainer(config.kind).fit(job, config)


def load(folder: Path, spec: Spec) -> Model:
    """The model of that folder, by the trainer that model.json names. Raises UserError when a file is missing or
    damaged."""
    return trainer(_kind(folder)).load(folder, spec)


def requirements(folder: Path) -> tuple[str, ...]:
    """The distributions that a process needs in order to predict with the model of that folder."""
    return trainer(_kind(folder)).requirements


def _kind(folder: Path) -> str:
    path = folder / "model.json"
    content = files.read_json(path)
    if not isinstance(content, dict) or content.get("trainer") not in TRAINERS:
        raise UserError(f"{path}: damaged (names no trainer); run stage train again (`modelwright run --from train`)")
    return str(content["trainer"])

"""The trainers, by the `kind` of a pipeline's train section: a package each, and one line here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from tasks import files
from tasks.errors import UserError
from tasks.model_input.inputs import Spec
from tasks.params.config import TargetTransform
from tasks.trainers.base import Fitted, Job, Model, Trainer, check_job
from tasks.trainers.target_transform import KEY, TransformedModel, learnt_transform, read_transform, transformed

TRAINERS: dict[str, str] = {
    "torch": "tasks.trainers.torch:TorchTrainer",
    "lightgbm": "tasks.trainers.lightgbm:LightgbmTrainer",
    "sklearn": "tasks.trainers.sklearn:SklearnTrainer",
    "ensemble": "tasks.trainers.ensemble:EnsembleTrainer",
}
"""Each kind's module and its class there. Names, as a library takes seconds to import, and one is needed at a time."""


def trainer(kind: str) -> Trainer[Any]:
    """The trainer of that kind."""
    made: Trainer[Any] = resolve_name(TRAINERS[kind])()
    return made


def fit(job: Job, config: Any) -> Fitted:
    """Trains as the train section says. Raises UserError when the model does not fit the columns."""
    kind: TargetTransform = getattr(config, KEY, "none")
    if kind == "none":
        return trainer(config.kind).fit(job, config)
    # Before the curve is learnt of the targets: there may be none.
    check_job(job)
    transform = learnt_transform(kind, job)
    fitted = trainer(config.kind).fit(transformed(job, transform), config)
    answers = fitted.validation_answers
    return replace(
        fitted,
        model=TransformedModel(fitted.model, transform),
        validation_answers=None if answers is None else transform.back(answers),
    )


def load(folder: Path, spec: Spec) -> Model:
    """The model of that folder, by the trainer that model.json names. Raises UserError when a file is missing or
    damaged."""
    model: Model = trainer(_kind(folder)).load(folder, spec)
    content = files.read_json(folder / "model.json").get(KEY)
    return model if content is None else TransformedModel(model, read_transform(folder / "model.json", content))


def requirements(folder: Path) -> tuple[str, ...]:
    """The distributions that a process needs in order to predict with the model of that folder, and those in it."""
    # In their order: the same model names the same ones in the same way.
    folders = sorted(file.parent for file in folder.rglob("model.json"))
    return tuple(dict.fromkeys(name for one in folders for name in trainer(_kind(one)).requirements))


def _kind(folder: Path) -> str:
    path = folder / "model.json"
    content = files.read_json(path)
    if not isinstance(content, dict) or content.get("trainer") not in tuple(TRAINERS):
        raise UserError(f"{path}: damaged (names no trainer); run stage train again{files.again(path)}")
    return str(content["trainer"])

"""What is to be fitted, by the files that the stages before left: for the train stage and for its workers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tasks import files
from tasks.augmentation.settings import trainer_settings
from tasks.digests import file_digest, folder_digest
from tasks.errors import UserError
from tasks.model_input.example_parts import StoredExamples
from tasks.model_input.inputs import Examples, Spec
from tasks.params.torch import TorchTrain
from tasks.params.train import EnsembleTrain, Train
from tasks.paths import Paths
from tasks.recipe.recipe import Recipe
from tasks.tables import storage
from tasks.tracking.models import model_folder
from tasks.trainers import trainer
from tasks.trainers.base import Job
from tasks.trainers.listener import Listener

_CHANGE_NOTHING = {"checkpoint_minutes", "checkpoint_steps", "workers"}
"""Settings that change nothing but the last bits: what ran out of memory may go on with fewer workers."""


def read_job(config: Train, paths: Paths, recipe: Recipe, listeners: Sequence[Listener]) -> Job:
    """The rows to learn from and those to choose the best state by, and all that belongs to them.

    Rows are in memory; or where they lie, when a network learns from more than it may hold.
    Raises UserError for a model to begin from that is not there, before any row is read.
    """
    spec, target = recipe.spec(), recipe.target.name
    init_from = _init_from(config, paths)
    augmentation = files.read_json(paths.augmentation_report)
    if isinstance(config, EnsembleTrain):
        _refuse_made_rows(augmentation)
    settings = trainer_settings(augmentation)
    return Job(
        spec=spec,
        train=read_examples(config, spec, target, paths.augmented),
        validation=read_examples(config, spec, target, paths.normalized("validation")),
        augmentations=recipe.augmentations(settings, augmentation.get("std", {})),
        mix=settings.mix,
        listeners=listeners,
        checkpoints=paths.checkpoints / _key(config, paths, init_from),
        init_from=init_from,
    )


def read_examples(config: Train, spec: Spec, target: str, *folders: Path) -> Examples | StoredExamples:
    """The rows of normalized tables, in memory; or where they lie, when a network may not hold so many."""
    files_of_rows = tuple(file for folder in folders for file in storage.part_files(folder))
    stored = StoredExamples(spec=spec, target=target, files=files_of_rows)
    # Only the torch trainer learns from rows where they lie; the others hold all of them anyway.
    if isinstance(config, TorchTrain) and stored.num_bytes > config.max_memory_mib * 2**20:
        return stored
    return stored.loaded()


def _refuse_made_rows(augmentation: Mapping[str, Any]) -> None:
    """Raises UserError where rows were made of others: a fold would be judged by what was made of its own rows."""
    if augmentation["num_rows"] != augmentation["num_rows_in"]:
        raise UserError(
            "train: an ensemble's weights are found on rows that a model did not learn from, and augment writes down "
            "rows that are made of them; take augment.copies and augment.balance out (class_weight does what balance "
            "does), or use one of the members alone"
        )


def _init_from(config: Train, paths: Paths) -> Path | None:
    if not isinstance(config, TorchTrain) or config.init_from is None:
        return None
    return model_folder(paths.project, config.init_from, "train.init_from")


def _key(config: Train, paths: Paths, begun_with: Path | None) -> str:
    """A name for all that decides what is learnt: a checkpoint of anything else is never looked at."""
    # Another version of a library may compute, or draw, otherwise.
    kinds = [config.kind, *(one.kind for one in (config.members if isinstance(config, EnsembleTrain) else ()))]
    libraries = {name for kind in kinds for name in trainer(kind).requirements}
    decides = {
        "settings": config.model_dump(mode="json", exclude=_CHANGE_NOTHING),
        "rows": [folder_digest(paths.augmented), folder_digest(paths.normalized("validation"))],
        "recipe": file_digest(paths.recipe),
        "augmentation": file_digest(paths.augmentation_report),
        "begun_with": None if begun_with is None else folder_digest(begun_with),
        "libraries": {name: version(name) for name in sorted(libraries)},
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]

"""The trainers, by the `kind` of a pipeline's train section: one file each, and one line here."""

from __future__ import annotations

from typing import Any

from tasks.trainers.base import Trainer


def trainer(kind: str) -> Trainer[Any]:
    """The trainer of that kind; its library is imported here and nowhere earlier."""
    match kind:
        case "torch":
            from tasks.trainers.torch import TorchTrainer

            return TorchTrainer()
        case "lightgbm":
            from tasks.trainers.lightgbm import LightgbmTrainer

            return LightgbmTrainer()
        case "sklearn":
            from tasks.trainers.sklearn import SklearnTrainer

            return SklearnTrainer()
        case _:
            raise AssertionError(f"params.py knows no trainer {kind}")

"""The pictures of a version's page, small enough for it: MLflow shows each as large as it is, and cuts off the rest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasks import files
from tasks.paths import Paths

if TYPE_CHECKING:
    from mlflow import MlflowClient

CARD_FOLDER = "card"
"""Where they lie among the artifacts of the run."""

_WIDTH = 640
"""Pixels: what a window of 1,280 leaves for the page, with MLflow's own panels at both sides."""


def card_picture(name: str) -> str:
    """The picture's path among the artifacts of the run."""
    return f"{CARD_FOLDER}/{name}.png"


def log_card_pictures(client: MlflowClient, run_id: str, paths: Paths) -> None:
    """The report's pictures once more, each as wide as the page at most."""
    with files.scratch(paths.checkpoints) as scratch:
        for picture in (paths.importance_picture, *sorted(paths.plots.glob("*.png"))):
            _write_narrowed(picture, scratch / picture.name)
        client.log_artifacts(run_id, str(scratch), CARD_FOLDER)


def _write_narrowed(picture: Path, target: Path) -> None:
    from PIL import Image
    from PIL.Image import Resampling

    with Image.open(picture) as image:
        # Not made larger: only what is too wide is drawn anew.
        image.thumbnail((_WIDTH, image.height), Resampling.LANCZOS)
        image.save(target)

"""Stage augment: the training rows as the trainer gets them, and what is done to them on the batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tasks import reports, storage
from tasks.columns import column_type
from tasks.errors import UserError
from tasks.inputs import Field, from_series
from tasks.params import Augment, AugmentImage
from tasks.paths import Paths
from tasks.picture import before_and_after, caption_only
from tasks.recipe import read_recipe
from tasks.report import Report


def run(config: Augment, paths: Paths) -> Report:
    """Reads normalized/train/ and recipe.json; leaves augmented/, augmentation.json and augmentation.png.

    Images are changed while training, on the batch and on the device, anew in every epoch: augmentation.json tells the
    trainer how, and augmented/ holds the rows as they are. Raises UserError when a transform does not fit the columns.
    """
    images = [field for field in read_recipe(paths.recipe).spec().fields if field.kind == "image"]
    if config.image is not None and not images:
        raise UserError("augment.image: the data have no image column; remove the section")
    num_rows = storage.copy_table(paths.normalized("train"), paths.augmented)
    settings = config.image.model_dump(mode="json") if config.image else None
    storage.write_json(paths.augmentation_report, {"num_rows": num_rows, "image": settings})
    storage.write_bytes(paths.augmentation_picture, _picture(config, images, paths))
    return reports.augment(paths)


def _picture(config: Augment, images: list[Field], paths: Paths) -> bytes:
    """The first training images before and after, as PNG."""
    if config.image is None:
        return caption_only("No image column is augmented in this pipeline.")
    first = next(storage.read_parts(paths.augmented)).head(config.preview)
    before = from_series(images[0], first[images[0].name])
    return before_and_after(before, augmented(before, config.image, config.seed))


def augmented(images: NDArray[np.uint8], settings: AugmentImage, seed: int) -> NDArray[np.uint8]:
    """[N, C, H, W] uint8 as the trainer would change them in one epoch."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    batch = torch.from_numpy(np.array(images)).float()
    changed = column_type("image").augment(batch, settings, generator)
    return changed.round().clamp(0, 255).to(torch.uint8).numpy()

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from tasks import augment, normalize, reports, storage
from tasks.dataset import write_dataset
from tasks.errors import UserError
from tasks.params import Augment, AugmentImage, Normalize
from tasks.paths import PARTS, Paths
from tests.tables import Kind, cut, described, image, pipeline_in

COLUMNS: dict[str, Kind] = {"scan": ("image", "feature"), "age": ("number", "feature"), "label": ("category", "target")}
RANDOM = np.random.default_rng(0)
ROWS = pl.DataFrame(
    {
        "scan": [image(pixels) for pixels in RANDOM.integers(0, 256, (10, 6, 8)).astype(np.uint8)],
        "age": [float(number) for number in range(10)],
        "label": ["a", "b"] * 5,
    }
)
ROTATE = Augment(image=AugmentImage(rotate=20, shift=0.1))


def prepared(root: Path, columns: dict[str, Kind] = COLUMNS) -> Paths:
    paths = pipeline_in(root)
    write_dataset(paths.dataset, described(columns))
    for part in PARTS:
        storage.write_parts(paths.split(part), cut(ROWS.select(list(columns)), [4]))
    normalize.run(Normalize(), paths)
    return paths


def picture(paths: Paths) -> Image.Image:
    return Image.open(io.BytesIO(paths.augmentation_picture.read_bytes()))


def test_rows_stay_as_they_are_and_the_trainer_is_told(tmp_path: Path) -> None:
    paths = prepared(tmp_path)
    report = augment.run(ROTATE, paths)
    assert report == reports.augment(paths)
    assert report.figure == "rotate, shift on the batch"
    assert report.numbers == {"num_rows": 10, "image": {"rotate": 20.0, "scale": 0.0, "crop": 0.0, "shift": 0.1}}
    for file in storage.part_files(paths.normalized("train")):
        assert (paths.augmented / file.name).read_bytes() == file.read_bytes()


def test_the_picture_shows_as_many_images_as_there_are(tmp_path: Path) -> None:
    paths = prepared(tmp_path)
    widths = []
    for preview in (1, 3, 64):
        augment.run(ROTATE.model_copy(update={"preview": preview}), paths)
        widths.append(picture(paths).width)
    # The first part has four rows.
    assert widths == [6 + number * 102 for number in (1, 3, 4)]


def test_before_and_after_differ_and_the_seed_decides_how(tmp_path: Path) -> None:
    paths = prepared(tmp_path)
    pictures = []
    for seed in (0, 0, 1):
        augment.run(ROTATE.model_copy(update={"seed": seed}), paths)
        pictures.append(paths.augmentation_picture.read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]
    sheet = np.asarray(picture(paths))
    assert not np.array_equal(sheet[24:120], sheet[144:240])


def test_nothing_to_do_leaves_a_picture_that_says_so(tmp_path: Path) -> None:
    paths = prepared(tmp_path)
    assert augment.run(Augment(), paths).figure == "nothing to do"
    assert picture(paths).size == (480, 60)
    assert storage.read_json(paths.augmentation_report)["image"] is None
    assert augment.run(Augment(image=AugmentImage()), paths).figure == "nothing to do"


def test_images_are_asked_for_where_there_are_none(tmp_path: Path) -> None:
    paths = prepared(tmp_path, {name: kind for name, kind in COLUMNS.items() if name != "scan"})
    with pytest.raises(UserError, match=r"augment\.image: the data have no image column; remove the section"):
        augment.run(ROTATE, paths)
    assert not paths.augmented.exists()
    assert augment.run(Augment(), paths).figure == "nothing to do"


def test_changed_images_are_still_images() -> None:
    images = RANDOM.integers(0, 256, (5, 3, 6, 8)).astype(np.uint8)
    before = images.copy()
    changed = augment.augmented(images, AugmentImage(rotate=90, scale=0.5, crop=0.3, shift=0.3), seed=0)
    assert (changed.shape, changed.dtype) == (images.shape, np.uint8)
    assert np.array_equal(images, before)
    assert np.array_equal(augment.augmented(images, AugmentImage(), seed=0), images)

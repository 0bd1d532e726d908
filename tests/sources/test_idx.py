from __future__ import annotations

import gzip
import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from tasks.errors import UserError
from tasks.params.sources import IdxSource
from tasks.sources import idx
from tasks.sources.idx import Idx
from tests.shared_data import shared
from tests.small_tables import place

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
PIXELS = np.random.default_rng(0).integers(0, 256, (5, 3, 4)).astype(np.uint8)
NAMES = ("images", "labels")


def as_idx(values: NDArray[Any]) -> bytes:
    head = struct.pack(f">BBBB{values.ndim}I", 0, 0, CODES[values.dtype.str[1:]], values.ndim, *values.shape)
    return head + values.astype(values.dtype.newbyteorder(">")).tobytes()


def written(root: Path, images: NDArray[Any], labels: NDArray[Any], names: tuple[str, str] = NAMES) -> None:
    for name, values in zip(names, (images, labels), strict=True):
        (root / name).write_bytes(as_idx(values))


def source(root: Path, **more: str) -> Idx:
    return Idx(IdxSource.model_validate({"kind": "idx", "images": "images", "labels": "labels"} | more), place(root))


def read(root: Path, **more: str) -> pl.DataFrame:
    rows = source(root, **more)
    first, second = pl.concat(rows.parts()), pl.concat(rows.parts())
    assert first.equals(second)
    return first


def refused(root: Path, **more: str) -> str:
    with pytest.raises(UserError) as caught:
        read(root, **more)
    return str(caught.value)


def pixels(content: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(content)))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=st.tuples(st.integers(1, 30), st.integers(1, 6), st.integers(1, 6)),
    colours=st.sampled_from([(), (1,), (3,)]),
    batch=st.integers(1, 9),
)
def test_all_pixels_and_labels_come_through(
    tmp_path: Path, shape: tuple[int, ...], colours: tuple[int, ...], batch: int
) -> None:
    images = np.random.default_rng(1).integers(0, 256, shape + colours).astype(np.uint8)
    labels = np.arange(shape[0]).astype(np.uint8)
    written(tmp_path, images, labels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(idx, "_MAX_ITEMS", batch)
        table = read(tmp_path)
    found = np.stack([pixels(content) for content in table["image"]])
    assert np.array_equal(found, images.reshape(shape) if colours == (1,) else images)
    assert table["label"].to_list() == [str(label) for label in labels]


def test_gzip_and_plain_files_hold_the_same(tmp_path: Path) -> None:
    written(tmp_path, PIXELS, np.arange(5, dtype=np.uint8))
    for name in NAMES:
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress((tmp_path / name).read_bytes()))
    assert read(tmp_path).equals(read(tmp_path, images="images.gz", labels="labels.gz"))


@pytest.mark.parametrize("kind", sorted(CODES))
def test_labels_of_every_type_are_numbers_as_text(tmp_path: Path, kind: str) -> None:
    values = np.array([0, 1, 2, 100, 7], dtype=kind)
    written(tmp_path, PIXELS, values)
    assert read(tmp_path)["label"].to_list() == ["0", "1", "2", "100", "7"]


def test_labels_with_fractions_stay_and_those_that_are_no_numbers_are_missing(tmp_path: Path) -> None:
    written(tmp_path, PIXELS, np.array([0.5, np.nan, -3, 1e300, np.inf]))
    assert read(tmp_path)["label"].to_list() == ["0.5", None, "-3", str(int(1e300)), "inf"]


def test_test_files_make_a_split(tmp_path: Path) -> None:
    written(tmp_path, PIXELS, np.arange(5, dtype=np.uint8))
    written(tmp_path, PIXELS[:2], np.arange(2, dtype=np.uint8), ("t_images", "t_labels"))
    given_test = {"test_images": "t_images", "test_labels": "t_labels"}
    rows = source(tmp_path, **given_test)
    assert read(tmp_path, **given_test)["split"].to_list() == ["train"] * 5 + ["test"] * 2
    assert (rows.split_column, source(tmp_path).split_column) == ("split", None)
    assert rows.types == {"image": "image", "label": "category", "split": "category"}
    assert rows.watched() == [tmp_path / name for name in (*NAMES, "t_images", "t_labels")]
    assert rows.digest() != source(tmp_path).digest()
    with pytest.raises(ValueError, match="give both test_images and test_labels, or neither"):
        source(tmp_path, test_images="t_images")


def test_the_digest_changes_with_the_labels(tmp_path: Path) -> None:
    written(tmp_path, PIXELS, np.arange(5, dtype=np.uint8))
    before = source(tmp_path).digest()
    assert source(tmp_path).digest() == before
    written(tmp_path, PIXELS, np.zeros(5, dtype=np.uint8))
    assert source(tmp_path).digest() != before


@pytest.mark.parametrize("name", NAMES)
def test_refuses_a_header_that_counts_wrongly(tmp_path: Path, name: str) -> None:
    written(tmp_path, PIXELS, np.arange(5, dtype=np.uint8))
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole + b"\0")
    assert refused(tmp_path) == (
        f"{name}: its header says 5 items, but the file goes on after them; copy or download it anew"
    )
    (tmp_path / name).write_bytes(whole[:-1])
    assert f"{name}: its header says 5 items, but the file ends in number 5" in refused(tmp_path)
    for end in range(4):
        (tmp_path / name).write_bytes(whole[:end])
        assert f"{name}: no IDX file: it begins with {whole[:end].hex(' ') or 'nothing'}" in refused(tmp_path)
    (tmp_path / name).write_bytes(whole[:6])
    assert f"{name}: its header is cut off" in refused(tmp_path)


def test_refuses_what_is_no_idx_file(tmp_path: Path) -> None:
    written(tmp_path, PIXELS, np.arange(5, dtype=np.uint8))
    (tmp_path / "images").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert "images: no IDX file: it begins with 89 50 4e 47" in refused(tmp_path)
    assert "absent: there is no such file" in refused(tmp_path, images="absent")
    assert "*: 2 files, where one is needed" in refused(tmp_path, images="*")


def test_refuses_images_and_labels_that_do_not_belong_together(tmp_path: Path) -> None:
    written(tmp_path, PIXELS, np.arange(4, dtype=np.uint8))
    assert "labels: 4 labels for the 5 images of images; give the two files" in refused(tmp_path)
    assert "labels: numbers of type u1 in sizes 4; images are unsigned bytes" in refused(tmp_path, images="labels")
    assert "images: sizes 5 x 3 x 4, where labels have one" in refused(tmp_path, labels="images")


@pytest.mark.parametrize("shape", [(5, 3), (5, 2, 2, 2), (5, 1, 1, 3, 1)])
def test_refuses_numbers_that_are_no_images(tmp_path: Path, shape: tuple[int, ...]) -> None:
    written(tmp_path, np.zeros(shape, dtype=np.uint8), np.arange(5, dtype=np.uint8))
    assert f"in sizes {' x '.join(map(str, shape))}; images are unsigned bytes" in refused(tmp_path)


def test_a_header_with_absurd_sizes_takes_no_memory(tmp_path: Path) -> None:
    written(tmp_path, PIXELS, np.arange(5, dtype=np.uint8))
    (tmp_path / "images").write_bytes(struct.pack(">BBBB3I", 0, 0, 8, 3, 5, 2**32 - 1, 2**32 - 1))
    assert "images of size 5 x 4294967295 x 4294967295 cannot be" in refused(tmp_path)
    (tmp_path / "images").write_bytes(struct.pack(">BBBB3I", 0, 0, 8, 3, 5, 0, 28))
    assert "images of size 5 x 0 x 28 cannot be" in refused(tmp_path)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(head=st.sampled_from([b"", b"\0\0\x08\x03"]), images=st.binary(max_size=60), labels=st.binary(max_size=40))
def test_any_bytes_are_refused_in_plain_words_or_read(
    tmp_path: Path, head: bytes, images: bytes, labels: bytes
) -> None:
    (tmp_path / "images").write_bytes(head + images)
    (tmp_path / "labels").write_bytes(labels)
    try:
        rows = sum(part.height for part in source(tmp_path).parts())
    except UserError:
        return
    assert rows == int.from_bytes(images[:4], "big")


def test_mnist_is_read_whole() -> None:
    folder = shared("mnist")
    names = {"images": "t10k-images-idx3-ubyte.gz", "labels": "t10k-labels-idx1-ubyte.gz"}
    table = read(folder, **names)
    assert table.height == 10_000
    assert table["label"].head(5).to_list() == ["7", "2", "1", "0", "4"]
    assert pixels(table["image"][0]).shape == (28, 28)

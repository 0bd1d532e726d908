"""Small tables of typed columns, cut into parts at will, for the tests of the data stages."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

from tasks import files
from tasks.params.config import ColumnTypeName, Role, Task
from tasks.paths import Paths, Project
from tasks.sources.base import Place
from tasks.tables import storage
from tasks.tables.dataset import Column, Dataset, SourceRecord

Kind = tuple[ColumnTypeName, Role]


def described(columns: Mapping[str, Kind], task: Task = "binary", num_rows: int = 0) -> Dataset:
    """What ingest would have said of these columns."""
    return Dataset(
        columns=tuple(Column(name=name, type=kind, role=role) for name, (kind, role) in columns.items()),
        task=task,
        num_rows=num_rows,
        source=SourceRecord(kind="table", location="rows.csv", digest="0" * 64),
    )


def cut(rows: pl.DataFrame, places: Iterable[int]) -> list[pl.DataFrame]:
    """The same rows in parts; `places` are row numbers to cut before."""
    ends = [0, *sorted(place % (rows.height + 1) for place in places), rows.height]
    return [rows[start:stop] for start, stop in pairwise(ends)]


def write_split(
    paths: Paths,
    train: Sequence[pl.DataFrame],
    validation: pl.DataFrame | None = None,
    test: pl.DataFrame | None = None,
) -> None:
    """What split would have left of these rows; parts that are not given have none."""
    storage.write_parts(paths.split("train"), train)
    storage.write_parts(paths.split("validation"), [train[0].clear() if validation is None else validation])
    storage.write_parts(paths.split("test"), [train[0].clear() if test is None else test])
    files.write_json(paths.split_report, {"kind": "hash"})


def pipeline_in(root: Path) -> Paths:
    return Project(root=root).pipeline("p")


def place(root: Path) -> Place:
    """Where a source looks that belongs to no project."""
    return Place(root=root, downloads=root / "downloads")


def image(pixels: Sequence[Sequence[int]] | np.ndarray, form: str = "PNG") -> bytes:
    """Encoded bytes of a picture: [H, W] grey or [H, W, 3] colour, 8 bits, or 16 for a uint16 array."""
    content = io.BytesIO()
    array = pixels if isinstance(pixels, np.ndarray) else np.array(pixels, dtype=np.uint8)
    Image.fromarray(array).save(content, format=form)
    return content.getvalue()

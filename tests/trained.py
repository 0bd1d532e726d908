"""A small pipeline with a column of every type, trained for real, for the tests of what comes after training."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import numpy as np
import polars as pl
import pytest
from PIL import Image

from tasks import augment, files, normalize, train
from tasks.evaluate import predict_rows
from tasks.params.file import load_pipeline
from tasks.paths import AssessmentName, Paths, Project
from tasks.recipe.recipe import read_recipe
from tasks.tables import storage
from tasks.tables.dataset import Column, Dataset, SourceRecord, write_dataset

PARAMS = """
pipelines:
  mixed:
    ingest: {source: {kind: table, path: data.csv}, target: label}
    validate: {}
    clean: {}
    split: {}
    normalize: {text: {min_documents: 1}}
    augment: {}
    train: {kind: sklearn, estimator: {kind: logistic_regression}}
    evaluate: {}
    register: {metric: accuracy, margin: 0.01, gate: {accuracy: {min: 0.5}}}
"""

METRICS = {"accuracy": 0.9, "log_loss": 0.2}

COLUMNS = {
    "weight": "number",
    "age": "number",
    "town": "category",
    "note": "text",
    "scan": "image",
    "label": "category",
}


@contextmanager
def elsewhere(factory: pytest.TempPathFactory, store: Path | None = None) -> Iterator[Path]:
    """A project's folder that is not the working directory, in which nothing may be left behind; no store is named.

    `store` is a tracking store to copy.
    """
    root = factory.mktemp("project")
    if store is not None:
        shutil.copytree(store, root / "mlflow")
    (root / "elsewhere").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(root / "elsewhere")
        yield root
        assert not list((root / "elsewhere").iterdir())
        assert "MLFLOW_TRACKING_URI" not in os.environ


def prepared(root: Path, sensitive: str | None = None) -> Paths:
    """A project whose pipeline `mixed` has run up to and without `train`; a `sensitive` column is not learnt from."""
    (root / "params.yaml").write_text(PARAMS)
    paths = Project(root=root).pipeline("mixed")
    roles = {"label": "target", sensitive: "sensitive"}
    columns = [Column(name=name, type=kind, role=roles.get(name, "feature")) for name, kind in COLUMNS.items()]
    source = SourceRecord(kind="table", location="data.csv", digest="d" * 64)
    dataset = Dataset(columns=tuple(columns), task="binary", num_rows=120, source=source)
    for path in (paths.dataset, paths.cleaned):
        write_dataset(path, dataset)
    for seed, (part, num_rows) in enumerate({"train": 60, "validation": 30, "test": 30}.items()):
        for folder in (paths.split(part), paths.clean(part)):
            storage.write_parts(folder, [rows(num_rows, seed)])
    pipeline = load_pipeline(root / "params.yaml", "mixed")
    normalize.run(pipeline.normalize, paths)
    augment.run(pipeline.augment, paths)
    return paths


def trained(root: Path, sensitive: str | None = None) -> Paths:
    """A project whose pipeline `mixed` is trained and evaluated, with made-up test metrics."""
    paths = prepared(root, sensitive)
    train.run(load_pipeline(root / "params.yaml", "mixed").train, paths)
    evaluated(paths, METRICS)
    return paths


def evaluated(paths: Paths, metrics: dict[str, float]) -> None:
    """What validate, split, clean and evaluate leave beside the tables; the model's answers are its own."""
    files.write_json(paths.metrics, metrics)
    intervals = {name: [value - 0.05, value + 0.05] for name, value in metrics.items()}
    files.write_json(paths.evaluation, {"num_rows": 30, "intervals": intervals})
    files.write_json(paths.decision, {"threshold": None})
    for name in get_args(AssessmentName):
        files.write_json(paths.assessment(name), {})
    files.write_json(paths.assessment("conformal"), {"coverage": None})
    files.write_json(paths.assessment("measures"), {"size_mib": {"value": 0.01}})
    files.write_bytes(paths.importance_picture, png(np.zeros((2, 2), dtype=np.uint8)))
    answers = predict_rows(read_recipe(paths.model / paths.recipe.name), paths)
    storage.write_parts(paths.predicted, [answers.as_table()])
    files.write_json(paths.validation_report, {"num_rows": 120, "num_quarantined": 0, "suite": "e" * 64})
    num_rows = {"train": 60, "validation": 30, "test": 30}
    files.write_json(paths.split_report, {"num_rows": num_rows, "key": ["scan"]})
    cleaning = {"num_rows_in": 120, "num_rows_out": 120, "num_quarantined": 0, "num_rows": num_rows}
    files.write_json(paths.cleaning_report, cleaning)
    files.write_text(paths.report_page, "<!doctype html>")
    files.write_bytes(paths.plots / "confusion.png", png(np.zeros((2, 2), dtype=np.uint8)))


def retrained(paths: Paths, penalty: float, metrics: dict[str, float] = METRICS) -> None:
    """The same pipeline with another model: of a C near 0 it gives every row the same answer."""
    params = PARAMS.replace("kind: logistic_regression", f"kind: logistic_regression, C: {penalty}")
    paths.project.params.write_text(params)
    train.run(load_pipeline(paths.project.params, "mixed").train, paths)
    evaluated(paths, metrics)


def rows(num_rows: int, seed: int) -> pl.DataFrame:
    """Raw rows: every column tells the classes apart a little; weight and town have gaps."""
    random = np.random.default_rng(seed)
    label = np.arange(num_rows) % 2
    pixels = (random.integers(0, 100, (num_rows, 4, 4)) + label[:, None, None] * 100).astype(np.uint8)
    weights = (random.normal(size=num_rows) + label).tolist()
    weight = [None if number % 10 == 9 else value for number, value in enumerate(weights)]
    return pl.DataFrame(
        {
            "weight": pl.Series(weight, dtype=pl.Float64),
            "age": pl.Series(random.integers(18, 90, num_rows), dtype=pl.Float64),
            "town": [[None, "Ulm", "Bonn"][int(value)] for value in random.integers(0, 3, num_rows)],
            "note": [f"a {'good' if value else 'bad'} one" for value in label],
            "scan": [png(image) for image in pixels],
            "label": [["no", "yes"][value] for value in label],
        }
    )


def png(pixels: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, format="PNG")
    return content.getvalue()

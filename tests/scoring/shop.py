"""A registered model of a CSV file that is written as Germans do, for the tests of answers to new rows."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tasks import augment, clean, evaluate, files, ingest, normalize, register, split, train, validate
from tasks.drafting.suite import suite_of_source
from tasks.params.file import load_pipeline
from tasks.paths import Paths, Project
from tasks.scoring.request import Request, settings_of
from tasks.tracking.answering import answering
from tasks.tracking.registered import registered_model

PARAMS = """\
pipelines:
  shop:
    ingest:
      source: {kind: table, path: kunden.csv, separator: ";", decimal: ",", thousands: ".", missing: ["", "k.A."]}
      target: kauft
      columns: {kunde: {role: id}, seit: {type: timestamp, format: "%d.%m.%Y"}}
    validate: {}
    clean: {}
    split: {}
    normalize: {}
    augment: {}
    train: {kind: sklearn, estimator: {kind: logistic_regression}}
    evaluate: {conformal: {coverage: 0.9, by: ort}}
    register: {metric: accuracy, gate: {accuracy: {min: 0.5}}}
"""
HEADER = "kunde;alter;ort;umsatz;seit"
STAGES = (ingest, validate, split, clean, normalize, augment, train, evaluate)


def lines(num_rows: int, *, seed: int = 0, answered: bool = False) -> list[str]:
    """Rows without their header; with the target when they are `answered`."""
    drawn = random.Random(seed)
    rows = []
    for number in range(num_rows):
        age, town = drawn.randint(18, 80), drawn.choice(["Ulm", "Bonn", "Köln"])
        spent = f"{drawn.randint(1, 9)}.{drawn.randint(0, 999):03d},{drawn.randint(0, 99):02d}"
        since = f"{drawn.randint(1, 28):02d}.{drawn.randint(1, 12):02d}.2024"
        row = [f"K{seed}-{number}", "k.A." if number % 17 == 0 else str(age), town, spent, since]
        rows.append(";".join([*row, "ja" if age > 50 else "nein"] if answered else row))
    return rows


def write(path: Path, rows: list[str], header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def registered_shop(root: Path) -> Paths:
    """A project whose pipeline `shop` has run to its end, stage by stage."""
    (root / "params.yaml").write_text(PARAMS)
    write(root / "kunden.csv", lines(400, answered=True), f"{HEADER};kauft")
    project = Project(root=root)
    paths = project.pipeline("shop")
    config = load_pipeline(project.params, "shop")
    files.write_json(paths.suite, suite_of_source(project, "shop", config.ingest))
    for stage in STAGES:
        name = stage.__name__.rpartition(".")[2]
        stage.run(config.stage(name), paths)  # type: ignore[attr-defined]
    register.run(config, paths)
    return paths


def request(paths: Paths, source: Path, out: Path | str, **more: Any) -> Request:
    """As the command asks."""
    model = registered_model(paths.project, more.pop("asked", "shop"))
    settings = settings_of(paths.project, "shop")
    assert settings is not None
    if "predict" in more:
        settings = settings.model_copy(update={"predict": more.pop("predict")})
    block = more.pop("block", None) or {"kind": "table", "path": str(source)}
    return Request(project=paths.project, model=model, source=block, out=str(out), settings=settings, **more)


@contextmanager
def answered_by_one_process(shop: Paths, *modules: ModuleType) -> Iterator[None]:
    """These modules ask one process for all answers: each takes seconds to start."""
    model = registered_model(shop.project, "shop")
    with answering(model, shop.project) as answerer, pytest.MonkeyPatch.context() as patch:
        for module in modules:
            patch.setattr(module, "answering", lambda *_: nullcontext(answerer))
        yield

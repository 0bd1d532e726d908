"""Small tables as CSV files, and what `modelwright init` says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tasks import clean, ingest, normalize, split, validate
from tasks.drafting.findings import Finding
from tasks.drafting.pipeline import DraftedPipeline, init_pipeline
from tasks.params.file import load_pipeline
from tasks.paths import Paths, Project

NUM_ROWS = 600


def project_in(root: Path) -> Project:
    """A project without any pipeline yet."""
    (root / "params.yaml").write_text("pipelines: {}\n")
    return Project(root=root)


def init(root: Path, rows: pl.DataFrame, **settings: Any) -> DraftedPipeline:
    """What init finds in a CSV file of these rows; nothing is written unless `dry_run` is false."""
    file = root / "rows.csv"
    rows.write_csv(file)
    return init_pipeline(project_in(root), "mine", str(file), **{"dry_run": True, **settings})


def run_stages(root: Path, last: str = "clean", name: str = "mine") -> Paths:
    """What init wrote, run from ingest up to this stage."""
    paths, pipeline = Project(root=root).pipeline(name), load_pipeline(root / "params.yaml", name)
    stages = (
        ("ingest", ingest, pipeline.ingest),
        ("validate", validate, pipeline.validate_),
        ("split", split, pipeline.split),
        ("clean", clean, pipeline.clean),
        ("normalize", normalize, pipeline.normalize),
    )
    for stage, module, config in stages:
        module.run(config, paths)
        if stage == last:
            break
    return paths


def of_kind(drafted: DraftedPipeline, kind: str) -> list[Finding]:
    return [finding for finding in drafted.findings if finding.kind == kind]


def columns_of_kind(drafted: DraftedPipeline, kind: str) -> list[str]:
    return [name for finding in of_kind(drafted, kind) for name in finding.columns]


def noise(seed: int = 0, num_rows: int = NUM_ROWS) -> pl.DataFrame:
    """Features that say nothing, and a target of two classes that they say nothing about."""
    dice = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "width": dice.normal(10, 2, num_rows).round(3),
            "height": dice.normal(50, 9, num_rows).round(3),
            "shape": dice.choice(["round", "square", "flat"], num_rows),
            "outcome": dice.choice(["bad", "good"], num_rows),
        }
    )


def numbers(num_rows: int = NUM_ROWS, seed: int = 0) -> pl.DataFrame:
    """Whole numbers that say nothing of each other, for a regression."""
    dice = np.random.default_rng(seed)
    return pl.DataFrame({name: dice.integers(0, 10_000, num_rows) for name in ("first", "second", "third")})

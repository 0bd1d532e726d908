"""What the soaked pipeline learns from: rows and one setting, so that each state of the two is a model of its own."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from tasks import files

PIPELINE = "ticks"

PARAMS = """\
pipelines:
  ticks:
    schedule: {{interval: 1d}}
    ingest:
      source: {{kind: table, path: rows.csv}}
      target: kind
    validate: {{}}
    clean: {{}}
    split: {{}}
    normalize: {{}}
    augment: {{}}
    train: {{kind: sklearn, estimator: {{kind: logistic_regression, C: {strength!r}}}}}
    evaluate: {{}}
    register: {{metric: log_loss, gate: {{log_loss: {{max: 5}}}}}}
    retention: {{versions_days: 1, last_versions: 2, runs_days: 1, last_runs: 3}}
"""

LAST_VERSIONS = 2

SCHEDULE_LINE = "    schedule: {interval: 1d}\n"
"""For a project that only holds servers to be without."""

ROWS = 400
_MORE_ROWS = 20
_GOOD, _POOR = 1.0, 1e-6
"""Inverses of the regularization's strength: with the second one, every answer is nearly one half."""

Change = Literal["unchanged", "better", "worse", "data", "back"]

_WEIGHTS: dict[Change, float] = {"unchanged": 0.55, "better": 0.12, "worse": 0.08, "data": 0.13, "back": 0.12}


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a run learns from: so many rows, and how little the coefficients are held back."""

    num_rows: int
    strength: float

    @property
    def is_poor(self) -> bool:
        """Whether its model is known to answer next to nothing."""
        return self.strength < 1e-3


FIRST = Content(num_rows=ROWS, strength=_POOR)


def changed(before: Content, earlier: list[Content], number: int, draw: random.Random) -> tuple[Change, Content]:
    """What the next run finds; better, worse and data are states that no run has had."""
    change = draw.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    if change == "better":
        return change, Content(num_rows=before.num_rows, strength=_GOOD * (1 + number / 100))
    if change == "worse":
        return change, Content(num_rows=before.num_rows, strength=_POOR * (1 + number / 100))
    if change == "data":
        most = max(content.num_rows for content in (before, *earlier))
        return change, Content(num_rows=most + _MORE_ROWS, strength=before.strength)
    if change == "back" and earlier:
        return change, draw.choice(earlier)
    return "unchanged", before


def write(root: Path, content: Content) -> None:
    """Puts it in place, as a person does who edits params.yaml, and an export that replaces its file."""
    params = PARAMS.format(strength=content.strength)
    if not (root / "params.yaml").exists() or (root / "params.yaml").read_text() != params:
        files.write_text(root / "params.yaml", params)
    table = rows(content.num_rows).write_csv()
    if not (root / "rows.csv").exists() or (root / "rows.csv").read_text() != table:
        files.write_text(root / "rows.csv", table)


def rows(num_rows: int) -> pl.DataFrame:
    """The first so many of one endless table: more rows do not change those before. The kind follows `size`."""
    parts = []
    for first in range(0, num_rows, _MORE_ROWS):
        generator = np.random.default_rng(first)
        size, weight, noise = generator.normal(size=(3, _MORE_ROWS)).round(6)
        kind = np.where(size + 0.5 * noise > 0, "order", "complaint")
        parts.append(pl.DataFrame({"size": size, "weight": weight, "kind": kind}))
    return pl.concat(parts)[:num_rows]

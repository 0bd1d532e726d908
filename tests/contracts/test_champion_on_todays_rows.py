"""A relation that has turned: the champion's fine figure of its own time does not keep a better challenger out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tasks.memo.chain import run_plain
from tests.projects import draft_suites, make_project

PARAMS = """\
pipelines:
  turned:
    ingest: {source: {kind: table, path: turned.csv}, target: churned, columns: {a: {type: number}, b: {type: number}}}
    validate: {}
    split: {key: [a, b]}
    clean: {}
    normalize: {}
    augment: {}
    train: {kind: sklearn, estimator: {kind: logistic_regression}}
    evaluate: {}
    register: {metric: accuracy, gate: {accuracy: {min: 0.55}}}
"""


def table(num_rows: int, seed: int, *, turned: bool) -> pl.DataFrame:
    """At first `a` tells it without fail; afterwards `b` tells it, roughly."""
    random = np.random.default_rng(seed)
    a, b = random.normal(size=(2, num_rows)).round(4)
    told = b + random.normal(scale=0.8, size=num_rows) if turned else a
    return pl.DataFrame({"a": a, "b": b, "churned": np.where(told > 0, "yes", "no")})


@pytest.mark.chain
def test_the_challenger_of_today_replaces_the_champion_of_yesterday(
    tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    project = make_project(tmp_path, params=PARAMS, store=empty_store)
    first = table(600, 1, turned=False)
    first.write_csv(project.root / "turned.csv")
    draft_suites(project)
    run_plain(project, "turned")
    pl.concat([first, table(1_800, 2, turned=True)]).write_csv(project.root / "turned.csv")
    *_, registered = run_plain(project, "turned")
    paths = project.pipeline("turned")
    promotion = json.loads(paths.verdict.read_text())["promotion"]
    assert promotion["champion_recorded"] > 0.95 > promotion["challenger"]
    assert promotion["champion"] < promotion["challenger"]
    assert 0 < promotion["low"] < promotion["gain"] < promotion["high"]
    assert promotion["num_rows"] == pl.read_parquet(paths.clean("test")).height
    assert registered.report.figure == "turned version 2, champion"
    assert registered.report.diagnostics == (promotion["sentence"],)

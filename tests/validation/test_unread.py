"""Another day's rows in the file's place: a bad cell is a row in quarantine, and changes neither type nor suite."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tasks import files, ingest, validate
from tasks.drafting.expect import redraft
from tasks.drafting.suite import suite_of_source
from tasks.params.file import load_pipeline
from tasks.paths import Paths, Project
from tasks.tables import storage
from tasks.tables.dataset import read_dataset

pytestmark = pytest.mark.chain

PARAMS = """pipelines:
  members:
    ingest:
      source: {kind: table, path: members.csv}
      target: bought
      task: binary
      columns:
        age: {type: number}
        city: {type: category}
        joined: {type: timestamp, format: "%Y-%m-%d"}
    validate: {}
    clean: {}
    split: {}
    normalize: {}
    augment: {}
    train: {kind: sklearn, estimator: {kind: logistic_regression}}
    evaluate: {}
    register: {metric: accuracy}
"""
DAY_1 = [
    f"{18 + n % 60},{('Kiel', 'Bonn', 'Ulm')[n % 3]},2025-{n % 12 + 1:02}-{n % 28 + 1:02},{'yes' if n % 2 else 'no'}"
    for n in range(120)
]
DAY_2 = ["n/a,Ulm,2026-01-03,yes", "41,Bonn,2026-13-45,no", "33,Kiel,2026-01-05,maybe", "52,Bonn,2026-01-06,yes"]


def arrive(paths: Paths, rows: list[str]) -> None:
    (paths.project.root / "members.csv").write_text("\n".join(["age,city,joined,bought", *rows, ""]))
    ingest.run(load_pipeline(paths.project.params, "members").ingest, paths)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """The pipeline after its first day."""
    (tmp_path / "params.yaml").write_text(PARAMS)
    members = Project(root=tmp_path).pipeline("members")
    arrive(members, DAY_1)
    config = load_pipeline(members.project.params, "members")
    files.write_json(members.suite, suite_of_source(members.project, "members", config.ingest))
    validate.run(config.validate_, members)
    return members


def test_of_four_new_rows_three_bad_ones_go_with_their_places_and_the_fourth_is_used(paths: Paths) -> None:
    before, suite = read_dataset(paths.dataset).columns, paths.suite.read_bytes()
    arrive(paths, DAY_1 + DAY_2)
    validate.run(load_pipeline(paths.project.params, "members").validate_, paths)
    assert storage.read_table(paths.quarantine("validate")).select("_rule", "_reason").rows() == [
        ("ingest.columns.age.type", "members.csv:122: age is 'n/a', which is no number"),
        ("ingest.columns.joined.type", "members.csv:123: joined is '2026-13-45', which is no timestamp"),
        ("expect_column_values_to_be_in_set(bought)", "members.csv:124: bought is maybe (value_set no, yes)"),
    ]
    valid = storage.read_table(paths.valid)
    assert valid.height == 121
    assert valid["age"].to_list()[-1] == 52
    assert read_dataset(paths.dataset).columns == before
    assert paths.suite.read_bytes() == suite


def test_the_suite_drafted_anew_knows_nothing_of_the_bad_cells(paths: Paths) -> None:
    arrive(paths, DAY_1 + DAY_2[:2])
    assert redraft(paths.project, "members", write=True).changes == ()
    arrive(paths, DAY_1 + DAY_2)
    # Whether that is a class is a person's to say, as the task would be another: it is shown, and not taken over.
    anew = redraft(paths.project, "members", write=True)
    assert anew.new_classes == ("maybe",)
    keys = {change.key for change in anew.changes}
    assert not [key for key in keys if "age" in key or "not_be_null" in key or "bought" in key]


def test_all_days_together_are_the_same_types(paths: Paths) -> None:
    raw = pl.read_parquet(paths.raw / "*.parquet").schema
    arrive(paths, [*DAY_2[:3], *DAY_1])
    assert pl.read_parquet(paths.raw / "*.parquet").schema == raw

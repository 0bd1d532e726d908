"""What clean learns it learns from training rows, and what it judges it takes out of training rows alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks import clean, files, reports
from tasks.errors import GateError, UserError
from tasks.params.clean import Clean
from tasks.paths import PARTS, Part, Paths
from tasks.tables import storage
from tasks.tables.dataset import read_dataset, write_dataset
from tests.small_tables import Kind, described, pipeline_in, write_split

COLUMNS: dict[str, Kind] = {
    "id": ("category", "id"),
    "size": ("number", "feature"),
    "colour": ("category", "feature"),
    "note": ("text", "feature"),
    "label": ("category", "target"),
}


WORDS = [first + second for first in ("ba", "ke", "mi", "to", "su") for second in ("ral", "nep", "dif", "gom", "xut")]


def rows(name: str, num_rows: int, seed: int = 0, **columns: Any) -> pl.DataFrame:
    """Sizes of a normal distribution, two colours, notes of their own, both classes."""
    drawn = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "id": [f"{name} {number}" for number in range(num_rows)],
            "size": drawn.normal(size=num_rows),
            "colour": [("red", "blue")[number % 2] for number in range(num_rows)],
            "note": [" ".join(WORDS[word] for word in drawn.integers(0, len(WORDS), 12)) for _ in range(num_rows)],
            "label": [("no", "yes")[number % 2] for number in range(num_rows)],
        }
    )
    return frame.with_columns(**columns)


def cleaned(root: Path, config: dict[str, Any], **parts: pl.DataFrame) -> Paths:
    paths = pipeline_in(root)
    write_dataset(paths.dataset, described(COLUMNS))
    frames = {name: parts.get(name, rows(name, 40, seed)) for seed, name in enumerate(PARTS)}
    write_split(paths, [frames["train"]], frames["validation"], frames["test"])
    clean.run(Clean.model_validate({"max_quarantined": 0.9, **config}), paths)
    return paths


def kept(paths: Paths, part: Part) -> pl.DataFrame:
    return storage.read_table(paths.clean(part))


def of_rule(folder: Path, rule: str) -> set[str]:
    """Which part rows come from, by their ids."""
    return {name.split()[0] for name in storage.read_table(folder).filter(pl.col("_rule") == rule)["id"]}


FAR = pl.Series("size", [*np.random.default_rng(9).normal(size=38), 50.0, -50.0])


@pytest.mark.parametrize("method", ["iqr", "isolation_forest"])
def test_outliers_go_from_train_and_are_told_elsewhere(tmp_path: Path, method: str) -> None:
    config = {"number": {"outliers": {"method": method, "action": "quarantine", "share": 0.04}}}
    parts = {name: rows(name, 40, size=FAR) for name in PARTS}
    paths = cleaned(tmp_path, config, **parts)
    assert of_rule(paths.quarantine("clean"), "outlier") == {"train"}
    assert of_rule(paths.flagged, "outlier") == {"validation", "test"}
    assert [kept(paths, part).height for part in ("validation", "test")] == [40, 40]
    assert 50.0 not in kept(paths, "train")["size"].to_list()


def test_bounds_are_those_of_training_rows(tmp_path: Path) -> None:
    config = {"number": {"outliers": {"method": "iqr", "action": "clip"}}}
    plain = cleaned(tmp_path / "plain", config)
    # Whatever lies in the test, what is learnt is the same.
    far = cleaned(tmp_path / "far", config, test=rows("test", 40, size=pl.lit(1e6)))
    assert plain.cleaned.read_bytes() == far.cleaned.read_bytes()
    (repair,) = [column.repair for column in read_dataset(far.cleaned).columns if column.name == "size"]
    assert repair is not None
    assert repair.high is not None
    assert set(kept(far, "test")["size"]) == {repair.high}
    assert (
        storage.part_files(plain.clean("train"))[0].read_bytes()
        == storage.part_files(far.clean("train"))[0].read_bytes()
    )


def test_rare_categories_and_spellings_are_those_of_training_rows(tmp_path: Path) -> None:
    config = {"category": {"rare": 0.2, "case": "merge"}}
    train = rows("train", 40, colour=pl.Series(["red"] * 20 + ["Red"] * 5 + ["blue"] * 15))
    # What is common in the test alone is rare all the same, and merges with the spelling that train has most of.
    paths = cleaned(
        tmp_path, config, train=train, test=rows("test", 40, colour=pl.Series(["Red"] * 10 + ["green"] * 30))
    )
    assert dict(kept(paths, "test")["colour"].value_counts().iter_rows()) == {"red": 10, "(rare)": 30}


def test_impossible_features_go_from_train_and_impossible_targets_everywhere(tmp_path: Path) -> None:
    config = {
        "columns": {
            "size": {"max": 10, "outside": "quarantine"},
            "label": {"allowed": ["no", "yes"], "outside": "quarantine"},
        }
    }
    parts = {name: rows(name, 40, size=FAR, label=pl.Series(["?"] + ["no"] * 20 + ["yes"] * 19)) for name in PARTS}
    paths = cleaned(tmp_path, config, **parts)
    assert [kept(paths, part).height for part in PARTS] == [38, 39, 39]
    assert of_rule(paths.flagged, "impossible") == {"validation", "test"}


def test_rows_of_fact_go_everywhere(tmp_path: Path) -> None:
    parts = {
        name: pl.concat([frame := rows(name, 40), frame.head(3)]).with_columns(
            label=pl.when(pl.int_range(pl.len()) == 10).then(None).otherwise("label")
        )
        for name in PARTS
    }
    paths = cleaned(tmp_path, {}, **parts)
    assert [kept(paths, part).height for part in PARTS] == [39, 39, 39]
    assert of_rule(paths.quarantine("clean"), "duplicate") == set(PARTS)
    assert of_rule(paths.quarantine("clean"), "missing_target") == set(PARTS)
    assert files.read_json(paths.cleaning_report)["num_rows"] == dict.fromkeys(PARTS, 39)


def test_a_near_duplicate_of_a_test_row_goes_from_train_and_counts_as_a_leak(tmp_path: Path) -> None:
    test = rows("test", 40, seed=3)
    copies = test.head(5)["note"] + "x"
    train = rows("train", 40, seed=4)
    train = train.with_columns(note=pl.concat([copies, train["note"].tail(35)]))
    # Rows 6 and 7 of the test are alike: both stay, as the test is not ours to choose, and one is told.
    twins = test.with_columns(
        note=pl.concat([test["note"].head(7), test["note"].slice(6, 1) + "y", test["note"].tail(32)])
    )
    paths = cleaned(tmp_path, {"near_duplicates": {"text": "quarantine"}}, train=train, test=twins)
    taken = storage.read_table(paths.quarantine("clean"))
    assert set(taken["_rule"]) == {"leaked_text"}
    assert sorted(taken["id"]) == [f"train {number}" for number in range(5)]
    assert kept(paths, "test").height == 40
    assert of_rule(paths.flagged, "near_duplicate_text") == {"test"}
    assert "row 0 of the test" in taken["_reason"][0]
    assert reports.clean(paths).figure.startswith("115 rows, 5 quarantined, 1 flagged, 5 leaks into train stopped")


def test_suspicious_labels_go_from_train_and_are_told_elsewhere(tmp_path: Path) -> None:
    def labelled(name: str, seed: int) -> pl.DataFrame:
        right = rows(name, 200, seed).with_columns(
            label=pl.when(pl.col("size") > 0).then(pl.lit("yes")).otherwise(pl.lit("no"))
        )
        flipped = pl.int_range(pl.len()) % 20 == 3
        return right.with_columns(
            label=pl.when(flipped & (pl.col("size").abs() > 0.3))
            .then(pl.col("label").replace({"yes": "no", "no": "yes"}))
            .otherwise("label")
        )

    parts = {name: labelled(name, seed) for seed, name in enumerate(PARTS)}
    paths = cleaned(tmp_path, {"labels": {"suspicious": "quarantine"}}, **parts)
    assert of_rule(paths.quarantine("clean"), "suspicious_label") == {"train"}
    assert of_rule(paths.flagged, "suspicious_label") == {"validation", "test"}
    assert [kept(paths, part).height for part in ("validation", "test")] == [200, 200]


def test_a_part_of_which_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(GateError, match="clean: no row of test is left"):
        cleaned(tmp_path, {}, test=rows("test", 40, label=pl.lit(None, dtype=pl.String)))


def test_a_class_that_a_part_lacks_is_told_before_training(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="split: class 'yes' of label is missing from test; write counts of rows"):
        cleaned(tmp_path, {}, test=rows("test", 40, label=pl.lit("no")))

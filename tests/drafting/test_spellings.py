from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.drafting.pipeline import init_pipeline
from tasks.drafting.spellings import spellings_of
from tasks.errors import UserError
from tasks.params.file import load_pipeline
from tasks.tables import storage
from tests.drafting.small_tables import NUM_ROWS, init, noise, of_kind, project_in, run_stages


def with_outcomes(names: list[str], column: str = "outcome") -> pl.DataFrame:
    return noise().with_columns(pl.Series(column, [names[number % len(names)] for number in range(NUM_ROWS)]))


@pytest.mark.parametrize(
    ("names", "merged"),
    [
        (["Paid", "paid", "PAID ", "open"], [["PAID", "Paid", "paid"], ["open"]]),
        (["Y", "yes", "TRUE", "1", "N", "no"], [["1", "TRUE", "Y", "yes"], ["N", "no"]]),
        (["<=50K", "<=50K.", ">50K", ">50K."], [["<=50K", "<=50K."], [">50K", ">50K."]]),
        (
            ["in progress", "in-progress", "In_Progress", "done"],
            [["In_Progress", "in progress", "in-progress"], ["done"]],
        ),
        (["Straße", "STRASSE", "Weg"], [["STRASSE", "Straße"], ["Weg"]]),
    ],
)
def test_the_advice_makes_spellings_one_class(tmp_path: Path, names: list[str], merged: list[list[str]]) -> None:
    draft = init(tmp_path, with_outcomes(names), target="outcome", dry_run=False)
    [finding] = of_kind(draft, "spellings")
    assert finding.is_warning
    setting = re.search(r"write (clean: .*)\.$", finding.message)
    assert setting is not None
    params = tmp_path / "params.yaml"
    params.write_text(params.read_text().replace("clean: {}", setting[1]))
    classes = storage.read_table(run_stages(tmp_path).clean("train"))["outcome"].unique().to_list()
    assert len(classes) == len(merged)
    assert all(sum(name in group for name in classes) == 1 for group in merged)


def test_each_spelling_is_told_with_its_rows_and_its_first_line(tmp_path: Path) -> None:
    names = ["open"] * 3 + ["Paid", "paid", "PAID "]
    [finding] = of_kind(init(tmp_path, with_outcomes(names)), "spellings")
    for cell, line in (("Paid", 5), ("paid", 6), ("PAID ", 7)):
        assert re.search(rf"`{cell}` \(100, first [^)]*rows\.csv:{line}\)", finding.message)


@pytest.mark.parametrize(
    "names",
    [["C", "C++", "C#"], ["+", "-"], ["<5", ">5", "5"], ["1", "2", "10"], ["y", "z"], ["a-1", "a_1"], ["on", "off"]],
)
def test_names_that_differ_by_more_stay_apart(names: list[str]) -> None:
    assert spellings_of(dict.fromkeys(names, 5)) is None


@given(st.dictionaries(st.text(max_size=6), st.integers(1, 9), max_size=8))
def test_every_spelling_goes_to_one_name_that_stays(counts: dict[str, int]) -> None:
    spellings = spellings_of(counts)
    if spellings is not None:
        assert set(spellings.replace).isdisjoint(spellings.replace.values())
        assert {*spellings.replace, *spellings.replace.values()} <= set(counts)
        assert sum(spellings.merged.values()) == sum(counts.values())


def test_a_spelling_with_next_to_no_rows_is_merged_and_not_set_aside(tmp_path: Path) -> None:
    outcome = ["good", "bad"] * (NUM_ROWS // 2)
    outcome[10], outcome[20] = "Good", "good."
    draft = init(tmp_path, noise().with_columns(pl.Series("outcome", outcome)), target="outcome", dry_run=False)
    assert draft.decisions.target.task == "binary"
    assert not of_kind(draft, "few_in_class")
    [finding] = of_kind(draft, "spellings")
    assert "made one by clean: " in finding.message
    paths = run_stages(tmp_path)
    assert load_pipeline(tmp_path / "params.yaml", "mine").clean.columns["outcome"].replace
    assert storage.count_rows(paths.quarantine("clean")) == 0
    parts = [storage.read_table(paths.clean(part))["outcome"] for part in ("train", "validation", "test")]  # type: ignore[arg-type]
    assert set(pl.concat(parts)) == {"good", "bad"}


def test_two_files_with_spellings_of_their_own_have_the_same_classes(tmp_path: Path) -> None:
    noise().write_csv(tmp_path / "rows.csv")
    noise(1).with_columns(pl.col("outcome") + ".").write_csv(tmp_path / "later.csv")
    project = project_in(tmp_path)
    draft = init_pipeline(project, "mine", str(tmp_path / "rows.csv"), "outcome", test=str(tmp_path / "later.csv"))
    assert draft.decisions.target.task == "binary"
    assert len(of_kind(draft, "spellings")) == 1
    paths = run_stages(tmp_path)
    classes = [set(storage.read_table(paths.clean(part))["outcome"]) for part in ("train", "test")]  # type: ignore[arg-type]
    assert classes[0] == classes[1]
    assert len(classes[0]) == 2


def test_spellings_in_a_feature_are_told(tmp_path: Path) -> None:
    [finding] = of_kind(init(tmp_path, with_outcomes(["Berlin", "berlin", "Bonn"], "shape")), "spellings")
    assert "clean: {columns: {shape: {case: merge}}}" in finding.message
    assert not of_kind(init(tmp_path, with_outcomes(["Yes", "yes", "No", "no"], "shape")), "spellings")


def test_blanks_around_a_class_are_no_other_class(tmp_path: Path) -> None:
    draft = init(tmp_path, with_outcomes(["good", "good ", "bad"]), target="outcome")
    assert draft.decisions.target.task == "binary"
    assert not of_kind(draft, "spellings")
    with pytest.raises(UserError, match="one class only, 'good', but for blanks around it"):
        init(tmp_path, with_outcomes(["good", "good "]), target="outcome")

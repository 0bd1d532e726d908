"""The suite that init drafts without reading the rows again is the one that `modelwright expect` drafts from them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.drafting.pipeline import init_pipeline
from tasks.drafting.suite import suite_of_source
from tasks.params.file import load_pipeline
from tasks.paths import Project
from tests.shared_data import shared


def table(header: str, row: Callable[[int], str], num_rows: int = 150) -> str:
    return "\n".join([header, *map(row, range(num_rows)), ""])


TABLES = {
    "numbers": table("a,b,y", lambda n: f"{n / 7:.3f},{n % 9},{n % 2}"),
    "gaps and tokens": table("a;b;y", lambda n: f"{n if n % 20 else '?'},{n};{'' if n % 7 else 'NA'};x{n % 3}"),
    "decimal commas": table("a;y", lambda n: f"{n},5;{n % 2},0"),
    "times": table("day,fit,y", lambda n: f"{n % 28 + 1}/{n % 12 + 1}/2024,{'yes' if n % 3 else 'no'},{n * 1.5}"),
    "days that were months": table("day,y", lambda n: f"{n % 12 + 1}/{n % 12 + 1}/2024,{n % 2}") + "1/31/2024,1\n",
    "words": table("text,y", lambda n: f"some words about number {n} and {n * n},{'good' if n % 2 else 'bad'}"),
    "a class with few rows": table("x,y", lambda n: f"{n},{'abc'[n % 3] if n else 'rare'}"),
    "classes of more digits than float64 keeps": table("x,y", lambda n: f"{n * n},{2**53 + n % 2 * 2 + 1}"),
    "whole floats as classes": table("x,y", lambda n: f"{n * n},{n % 2}.0"),
}


def suites(root: Path, source: Path) -> tuple[dict, dict]:
    (root / "params.yaml").write_text("pipelines: {}\n")
    project = Project(root=root)
    init_pipeline(project, "mine", str(source))
    written = json.loads(project.pipeline("mine").suite.read_text())
    config = load_pipeline(project.params, "mine").ingest
    return written, json.loads(json.dumps(suite_of_source(project, "mine", config)))


def test_days_that_turn_out_to_be_months_in_a_later_file_are_read_again(tmp_path: Path) -> None:
    (tmp_path / "days").mkdir()
    (tmp_path / "days" / "a.csv").write_text(table("day,y", lambda n: f"{n % 12 + 1}/{n % 12 + 1}/2024,{n % 2}"))
    (tmp_path / "days" / "b.csv").write_text("day,y\n1/31/2024,1\n")
    written, from_rows = suites(tmp_path, tmp_path / "days")
    assert written == from_rows


@pytest.mark.parametrize("content", TABLES.values(), ids=TABLES.keys())
def test_the_suite_is_the_one_that_the_rows_lead_to(tmp_path: Path, content: str) -> None:
    (tmp_path / "data.csv").write_text(content)
    written, from_rows = suites(tmp_path, tmp_path / "data.csv")
    assert written == from_rows


@pytest.mark.parametrize(
    "name",
    ["adult/adult.data", "bike-sharing/day.csv", "california-housing/housing.csv", "german-credit/german.data"],
)
def test_the_suite_of_real_data_is_the_one_that_the_rows_lead_to(tmp_path: Path, name: str) -> None:
    written, from_rows = suites(tmp_path, shared(name))
    assert written == from_rows

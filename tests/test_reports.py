from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks import files, reports
from tasks.errors import UserError
from tasks.paths import STAGES, Paths
from tests.small_tables import pipeline_in

KEPT = {"num_rows_in": 1797, "num_rows_out": 1790, "num_quarantined": 7, "rules": {}}
FILES: dict[str, tuple[Callable[[Paths], Path], Any]] = {
    "ingest": (lambda paths: paths.dataset, {"columns": [{}, {}], "num_rows": 1797, "source": {"digest": "abc"}}),
    "validate": (
        lambda paths: paths.validation_report,
        {
            "num_rows": 1797,
            "num_quarantined": 0,
            "expectations": [
                {"success": False, "severity": "warning"},
                {"success": True, "severity": "warning"},
                {"success": False, "severity": "critical"},
            ],
            "drift": [{"sentence": "age is new"}],
        },
    ),
    "split": (lambda paths: paths.split_report, {"num_rows": {"train": 1257, "validation": 270, "test": 270}}),
    "clean": (lambda paths: paths.cleaning_report, KEPT),
    "normalize": (lambda paths: paths.recipe, {"features": [{}], "num_inputs": 6400}),
    "augment": (
        lambda paths: paths.augmentation_report,
        {"num_rows": 9, "image": {"rotate": 10.0, "scale": 0.0, "shift": 0.1}},
    ),
    "train": (
        lambda paths: paths.run,
        {"figure": "30 epochs", "facts": {"epochs": 30}, "metrics": {"accuracy": 0.99}},
    ),
    "evaluate": (lambda paths: paths.metrics, {"accuracy": 0.99264, "f1": 0.99}),
    "register": (
        lambda paths: paths.registration,
        {"name": "digits", "version": 3, "aliases": ["champion"], "promotion": {"sentence": "surely better"}},
    ),
}
FIGURES = {
    "ingest": "1,797 rows, 2 columns",
    "validate": "1,797 rows, 0 quarantined, 2 warnings",
    "split": "1,257 / 270 / 270 rows",
    "clean": "1,790 rows, 7 quarantined",
    "normalize": "1 column, 6,400 inputs",
    "augment": "rotate, shift on the batch",
    "train": "30 epochs",
    "evaluate": "accuracy 0.9926",
    "register": "digits version 3, champion",
}


def judged(paths: Paths) -> None:
    """What evaluate leaves beside its metrics."""
    files.write_json(paths.evaluation, {"beats": True})
    files.write_json(paths.decision, {"threshold": None})


def test_every_stage_has_a_report() -> None:
    assert tuple(reports.BY_STAGE) == STAGES == tuple(FILES)


@pytest.mark.parametrize("stage", STAGES)
def test_a_report_is_read_from_what_the_stage_left(tmp_path: Path, stage: str) -> None:
    paths = pipeline_in(tmp_path)
    place, content = FILES[stage]
    files.write_json(place(paths), content)
    judged(paths)
    report = reports.BY_STAGE[stage](paths)
    assert (report.stage, report.figure) == (stage, FIGURES[stage])
    assert report.numbers
    assert json.loads(json.dumps(report.as_dict())) == report.as_dict()


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_left_nothing_has_to_run(tmp_path: Path, stage: str) -> None:
    with pytest.raises(UserError, match="there is no such file; run the stage that makes it"):
        reports.BY_STAGE[stage](pipeline_in(tmp_path))


def test_other_figures(tmp_path: Path) -> None:
    paths = pipeline_in(tmp_path)
    judged(paths)
    files.write_json(paths.metrics, {"rmse": 53.128, "r2": 0.4})
    assert reports.evaluate(paths).figure == "rmse 53.13"
    files.write_json(paths.augmentation_report, {"num_rows": 9, "image": None})
    assert reports.augment(paths).figure == "nothing to do"
    told = {"num_rows": 9_000, "copies": 1, "balance": "smote", "number": {"jitter": 0.1}, "image": {"flip": "none"}}
    files.write_json(paths.augmentation_report, told)
    assert reports.augment(paths).figure == "1 copy of each row (jitter), smote up to the largest class, 9,000 rows"
    files.write_json(paths.augmentation_report, {"mix": {"kind": "mixup"}, "image": {"flip": "both"}})
    assert reports.augment(paths).figure == "flip, mixup on the batch"
    files.write_json(paths.validation_report, {"num_rows": 5, "num_quarantined": 2, "expectations": [], "drift": []})
    assert reports.validate(paths).figure == "3 rows, 2 quarantined"
    files.write_json(paths.recipe, {"features": [{}, {}], "num_inputs": 2})
    assert reports.normalize(paths).figure == "2 columns, 2 inputs"


def test_why_a_version_is_champion_or_not_is_a_sentence_of_its_own(tmp_path: Path) -> None:
    paths = pipeline_in(tmp_path)
    promotion = {"sentence": "no sure difference", "notes": ["another split"]}
    files.write_json(
        paths.registration, {"name": "digits", "version": 4, "aliases": ["challenger"], "promotion": promotion}
    )
    assert reports.register(paths).diagnostics == ("no sure difference", "another split")


def test_reading_reports_imports_nothing_heavy() -> None:
    program = "import sys, tasks.reports; print(*{'polars', 'numpy', 'pydantic', 'torch', 'rich'} & set(sys.modules))"
    root = Path(__file__).parents[1]
    answer = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == ""


@pytest.mark.parametrize(
    ("metrics", "sentence"),
    [
        ({"rmse": 44_690.4}, "rmse 44,690"),
        ({"rmse": 54.1349}, "rmse 54.13"),
        ({"rmse": 1.23456e-7}, "rmse 0.0000001235"),
        ({"accuracy": 0.99}, "accuracy 0.9900"),
    ],
)
def test_the_headline_reads_like_a_number(metrics: dict[str, float], sentence: str) -> None:
    assert reports.headline(metrics) == sentence

"""One name, five places: stage = module = key in params.yaml = DVC stage = Prefect task."""

from __future__ import annotations

import importlib
import inspect
import json
from pathlib import Path

import mlflow
import pytest
from ruamel.yaml import YAML

from tasks import reports
from tasks.columns import TYPE_NAMES, column_type
from tasks.memo.code import CODE
from tasks.memo.own_code import STAGE as OWN_CODE
from tasks.params.file import load_params
from tasks.params.pipeline import Pipeline, json_schema
from tasks.paths import STAGES
from tests.projects import REPOSITORY


def yaml(name: str) -> dict:
    return YAML(typ="safe").load((REPOSITORY / name).read_text())


def test_params_have_a_section_for_every_stage_and_nothing_else() -> None:
    sections = (*STAGES, "predict", "tune", "monitor", "schedule", "notify", "serve", "retention")
    assert tuple(field.alias or name for name, field in Pipeline.model_fields.items()) == sections


def test_dvc_has_the_same_stages_in_the_same_order() -> None:
    assert tuple(yaml("dvc.yaml")["stages"]) == (CODE, OWN_CODE, *STAGES)
    assert yaml("dvc.yaml")["stages"][CODE]["cmd"] == f"python -P -m tasks {CODE}"


@pytest.mark.parametrize("stage", STAGES)
def test_dvc_loops_over_the_blocks_and_runs_the_module(stage: str) -> None:
    entry = yaml("dvc.yaml")["stages"][stage]
    assert entry["foreach"] == "${pipelines}"
    assert entry["do"]["cmd"] == f"python -P -m tasks {stage} ${{key}}"
    assert f"pipelines.${{key}}.{stage}" in entry["do"]["params"] or stage == "register"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_one_function_of_its_slice_and_the_paths(stage: str) -> None:
    module = importlib.import_module(f"tasks.{stage}")
    assert list(inspect.signature(module.run).parameters) == ["config", "paths"]


def test_every_stage_has_a_report() -> None:
    assert tuple(reports.BY_STAGE) == STAGES


def test_every_column_type_has_its_settings() -> None:
    settings = Pipeline.model_fields["normalize"].annotation.model_fields
    assert (
        set(settings) - {"columns", "features", "features_from"}
        == set(TYPE_NAMES)
        == {column_type(name).name for name in TYPE_NAMES}
    )


def test_mlflow_is_the_library_and_not_our_folder_of_that_name() -> None:
    assert Path(mlflow.__file__).parent.parent.name == "site-packages"
    assert not list((REPOSITORY / "mlflow").glob("*.py"))


def test_the_schema_at_the_root_is_that_of_the_code() -> None:
    assert json.loads((REPOSITORY / "params.schema.json").read_text()) == json_schema(), "make schema"


@pytest.mark.parametrize("path", ["params.yaml", *sorted(f"examples/{p.name}" for p in REPOSITORY.glob("examples/*"))])
def test_every_block_that_comes_along_is_valid(path: str) -> None:
    assert load_params(REPOSITORY / path).pipelines

"""Settings are read under the name that they had before, and a line says the new one."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tasks.command.doctor import examine
from tasks.errors import UserError
from tasks.monitoring.records import FiredRule
from tasks.params.file import load_pipeline
from tasks.params.pipeline import Pipeline
from tasks.params.renamed import MISPLACED, REMOVED, RENAMED, REPLACED, outdated_in, warn_once, with_new_names
from tests.projects import REPOSITORY, make_project

BLOCK = (REPOSITORY / "examples" / "digits.yaml").read_text()
OLD = BLOCK.replace("      seed: 0\n    evaluate", "      held_mebibytes: 64\n      seed: 0\n    evaluate")


def block(text: str) -> dict:
    return YAML(typ="safe").load(text)["pipelines"]["digits"]


def test_an_old_name_is_read_and_a_line_says_the_new_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    warn_once.cache_clear()
    params = tmp_path / "params.yaml"
    params.write_text(OLD)
    with caplog.at_level(logging.WARNING):
        config = load_pipeline(params, "digits")
        load_pipeline(params, "digits")
    assert config.train.max_memory_mib == 64
    assert [record.getMessage() for record in caplog.records] == [
        f"{params}: pipelines.digits.train.held_mebibytes: it is called max_memory_mib now; "
        "the old form is read for this version"
    ]


def test_an_old_word_of_a_list_is_read_and_a_line_says_the_new_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    warn_once.cache_clear()
    params = tmp_path / "params.yaml"
    monitor = "{rules: {latency_p95_ms: 200, least_rows: 9}, retrain: [larger_loss, latency, volume]}"
    params.write_text(BLOCK.replace("    train:\n", f"    monitor: {monitor}\n    train:\n"))
    with caplog.at_level(logging.WARNING):
        config = load_pipeline(params, "digits")
    assert config.monitor.retrain == ("larger_loss", "latency_p95_ms", "least_rows")
    assert [record.getMessage() for record in caplog.records] == [
        f"{params}: pipelines.digits.monitor.retrain: latency is called latency_p95_ms now, and volume is called "
        "least_rows now; the old form is read for this version"
    ]
    # What is no list of words is refused as it stands.
    for wrong in ("latency", "[[latency]]"):
        params.write_text(BLOCK.replace("    train:\n", f"    monitor: {{retrain: {wrong}}}\n    train:\n"))
        with pytest.raises(UserError, match=r"monitor\.retrain"):
            load_pipeline(params, "digits")


def test_a_window_of_an_earlier_version_is_read() -> None:
    assert FiredRule.model_validate({"rule": "errors", "sentence": "a"}).rule == "error_share"


def test_a_name_in_a_log_is_text(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        warn_once(Path("params.yaml"), "digits", "clean.columns.\x1b[31mred.old", "it is called new now")
    assert caplog.records[-1].getMessage().startswith(r"params.yaml: pipelines.digits.clean.columns.\x1b[31mred.old:")


@pytest.mark.parametrize("path", REPLACED)
def test_a_setting_that_is_gone_is_refused_with_what_to_write_today(path: str, tmp_path: Path) -> None:
    params, (section, name) = tmp_path / "params.yaml", path.split(".")
    params.write_text(BLOCK.replace(f"    {section}:\n", f"    {section}:\n      {name}: models/eyes\n"))
    with pytest.raises(UserError) as caught:
        load_pipeline(params, "digits")
    assert str(caught.value) == f"{params}: pipelines.digits.{path} is unknown; {REPLACED[path]}"


@pytest.mark.parametrize("name", MISPLACED)
def test_a_setting_that_stands_elsewhere_is_refused_with_its_place(name: str, tmp_path: Path) -> None:
    params, value = tmp_path / "params.yaml", "{double: 'x * 2'}" if name == "features" else "mine.py:add"
    params.write_text(BLOCK.replace("    train:\n", f"    {name}: {value}\n    train:\n"))
    with pytest.raises(UserError) as caught:
        load_pipeline(params, "digits")
    assert str(caught.value) == f"{params}: pipelines.digits.{name} is unknown; {MISPLACED[name]}"


def test_both_names_are_refused_in_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    params = tmp_path / "params.yaml"
    both = OLD.replace("held_mebibytes: 64", "held_mebibytes: 64\n      max_memory_mib: 32")
    params.write_text(both)
    with pytest.raises(UserError) as caught:
        load_pipeline(params, "digits")
    assert str(caught.value) == (
        f"{params}: pipelines.digits.train.held_mebibytes is unknown; it is called max_memory_mib now, which stands "
        "there too; take the old one out"
    )
    assert not [line for line in caplog.messages if "held_mebibytes" in line]
    params.write_text(both.replace("      held_mebibytes: 64\n", ""))
    load_pipeline(params, "digits")


def test_a_name_counts_only_in_a_section_of_its_kind() -> None:
    other = block(OLD)
    other["train"] = {"kind": "lightgbm", "held_mebibytes": 64}
    assert outdated_in(block(OLD)) == {"train.held_mebibytes": "it is called max_memory_mib now"}
    assert outdated_in(other) == {}
    assert with_new_names(other) == other


def test_old_names_inside_the_network_section_are_read() -> None:
    network = {"kind": "vit", "patch": 2, "width": 8, "layers": 1, "heads": 2, "feedforward": 3}
    before = {"train": {"kind": "torch", "accumulation": 3, "network": network}}
    assert with_new_names(before) == {
        "train": {
            "kind": "torch",
            "gradient_accumulation": 3,
            "network": {"kind": "vit", "patch_size": 2, "width": 8, "num_layers": 1, "num_heads": 2, "mlp_ratio": 3},
        }
    }


@pytest.mark.parametrize("nothing", [None, [], "text", {"train": None}, {"train": {"kind": "torch"}}, {}])
def test_what_has_no_old_names_stays_as_it_is(nothing: object) -> None:
    assert with_new_names(nothing) == nothing
    assert outdated_in(nothing) == {}


@pytest.mark.parametrize("path", RENAMED)
def test_the_new_name_is_a_setting_and_the_old_one_is_not(path: str) -> None:
    schema = Pipeline.model_json_schema()
    name = path.split(".")[-1]
    settings = {key for model in schema["$defs"].values() for key in model.get("properties", {})}
    assert RENAMED[path] in settings
    assert name != RENAMED[path]


def test_a_setting_that_is_gone_is_left_out_and_a_line_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    warn_once.cache_clear()
    params = tmp_path / "params.yaml"
    trees = (REPOSITORY / "examples" / "breast-cancer.yaml").read_text()
    params.write_text(trees.replace("num_leaves: 15", "num_leaves: 15\n      checkpoint_minutes: 1.0"))
    today = tmp_path / "today.yaml"
    today.write_text(trees)
    assert load_pipeline(params, "breast-cancer") == load_pipeline(today, "breast-cancer")
    assert [record.getMessage() for record in caplog.records] == [
        f"{params}: pipelines.breast-cancer.train.checkpoint_minutes: {REMOVED['train[lightgbm].checkpoint_minutes']}; "
        "the old form is read for this version"
    ]


def test_doctor_lists_old_names(tmp_path: Path) -> None:
    project = make_project(tmp_path, OLD)
    told = [check for check in examine(project) if check.name == "params.yaml" and check.cure]
    assert [(check.finding, check.cure) for check in told] == [
        ("pipelines.digits.train.held_mebibytes is of an earlier version", "it is called max_memory_mib now")
    ]

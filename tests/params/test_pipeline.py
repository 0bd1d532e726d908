from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tasks.errors import UserError
from tasks.params.file import check_pipeline, load_params, load_pipeline, pipeline_names
from tasks.params.pipeline import json_schema
from tasks.params.split import HashSplit
from tasks.paths import STAGES

ROOT = Path(__file__).parents[2]
FILE = Path("params.yaml")


def block(**changes: Any) -> dict[str, Any]:
    """A valid block with some sections replaced."""
    return {
        "ingest": {"source": {"kind": "table", "path": "rows.csv"}, "target": "left"},
        "validate": {},
        "clean": {},
        "split": {},
        "normalize": {},
        "augment": {},
        "train": {"kind": "torch", "network": {"kind": "cnn"}},
        "evaluate": {},
        "register": {"metric": "accuracy"},
        **changes,
    }


def complaint(changed: Any, name: str = "churn") -> str:
    with pytest.raises(UserError) as caught:
        check_pipeline(FILE, name, changed)
    assert caught.value.exit_code == 2
    return str(caught.value)


def file_complaint(tmp_path: Path, content: str | bytes) -> str:
    file = tmp_path / "params.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError) as caught:
        load_params(file)
    assert str(caught.value).startswith(str(file))
    return str(caught.value).removeprefix(str(file))


@pytest.mark.parametrize(
    "file", [ROOT / "params.yaml", *sorted((ROOT / "examples").glob("*.yaml"))], ids=lambda f: f.name
)
def test_every_block_that_comes_along_loads(file: Path) -> None:
    params = load_params(file)
    assert pipeline_names(file) == list(params.pipelines)
    for name, pipeline in params.pipelines.items():
        assert load_pipeline(file, name) == pipeline
        assert [pipeline.stage(stage) for stage in STAGES]


def test_the_digits_of_params_yaml_are_those_of_the_examples() -> None:
    assert load_pipeline(ROOT / "params.yaml", "digits") == load_pipeline(ROOT / "examples" / "digits.yaml", "digits")


def test_nothing_changes_after_load() -> None:
    pipeline = check_pipeline(FILE, "churn", block())
    with pytest.raises(ValidationError, match="frozen"):
        pipeline.clean.max_quarantined = 0.5


def test_evaluate_knows_the_metric_that_versions_are_compared_by() -> None:
    assert check_pipeline(FILE, "churn", block()).evaluate.metric == "accuracy"
    own = check_pipeline(FILE, "churn", block(evaluate={"metric": "roc_auc"}))
    assert (own.evaluate.metric, own.register_.metric) == ("roc_auc", "accuracy")
    # One that there is not is told of where it stands.
    told = complaint(block(register={"metric": "accuracyy"}))
    assert "register.metric" in told
    assert "evaluate" not in told


def test_a_split_without_kind_is_by_hash() -> None:
    assert check_pipeline(FILE, "churn", block(split={"seed": 3})).split == HashSplit(seed=3)


@pytest.mark.parametrize(
    ("section", "content", "said"),
    [
        (
            "train",
            {"kind": "lightgbm", "lerning_rate": 1},
            "train.lerning_rate is unknown; did you mean learning_rate?",
        ),
        (
            "train",
            {"kind": "torch", "network": {"kind": "cnn", "chanels": [8]}},
            "train.network.chanels is unknown; did you mean channels?",
        ),
        (
            "train",
            {"kind": "sklearn", "estimator": {"kind": "ridge", "alfa": 1}},
            "train.estimator.alfa is unknown; did you mean alpha?",
        ),
        ("split", {"kind": "given", "colum": "part"}, "split.colum is unknown; did you mean column?"),
        ("split", {"sede": 1}, "split.sede is unknown; did you mean seed?"),
        ("normalize", {"imgae": {}}, "normalize.imgae is unknown; did you mean image?"),
        ("normalize", {"image": {"scal": 1}}, "normalize.image.scal is unknown; did you mean scale?"),
        ("augment", {"image": {"rotat": 1}}, "augment.image.rotat is unknown; did you mean rotate?"),
        ("validate", {"max_quarantine": 0}, "validate.max_quarantine is unknown; did you mean max_quarantined?"),
        ("register", {"metric": "f1", "margins": 0}, "register.margins is unknown; did you mean margin?"),
        (
            "register",
            {"metric": "f1", "gate": {"acuracy": {"min": 0.5}}},
            "register.gate.acuracy is unknown; did you mean accuracy?",
        ),
        (
            "register",
            {"metric": "f1", "gate": {"accuracy": {"mim": 0.5}}},
            "register.gate.accuracy.mim is unknown; did you mean min?",
        ),
        ("evalaute", {}, "evalaute is unknown; did you mean evaluate?"),
        (
            "evaluate",
            {"xyz": 1},
            "evaluate.xyz is unknown; known are answer, average, conformal, costs, metric, positive, robustness, "
            "threshold",
        ),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest_and_its_path_in_the_file(
    section: str, content: Any, said: str
) -> None:
    assert f"params.yaml: pipelines.churn.{said}" in complaint(block(**{section: content})).splitlines()


def test_unknown_keys_of_a_source_and_of_a_column() -> None:
    source = {"kind": "table", "path": "x", "seperator": ";"}
    columns = {"age": {"typ": "number"}}
    said = complaint(block(ingest={"source": source, "target": "left", "columns": columns})).splitlines()
    assert said == [
        "params.yaml: pipelines.churn.ingest.source.seperator is unknown; did you mean separator?",
        "params.yaml: pipelines.churn.ingest.columns.age.typ is unknown; did you mean type?",
    ]


@pytest.mark.parametrize(
    ("section", "content", "said"),
    [
        ("train", {"kind": "lihgtgbm"}, "train.kind 'lihgtgbm' is unknown; did you mean lightgbm?"),
        ("train", {}, "train.kind is missing; it is one of torch, lightgbm, sklearn"),
        (
            "train",
            {"kind": "torch", "network": {"kind": "cn"}},
            "train.network.kind 'cn' is unknown; did you mean cnn?",
        ),
        ("train", {"kind": "sklearn"}, "train.estimator is missing; add it"),
        ("register", {}, "register.metric is missing; add it"),
        ("clean", None, "clean must be a mapping of keys to values (it is empty)"),
        ("clean", "quarantine", "clean must be a mapping of keys to values (it is 'quarantine')"),
        ("split", 0.2, "split must be a mapping of keys to values (it is 0.2)"),
        ("augment", {"image": True}, "augment.image must be a mapping of keys to values (it is True)"),
        (
            "ingest",
            {"source": {"kind": "builtin", "name": "mnist"}, "target": "x"},
            "ingest.source.name: input should be",
        ),
        ("evaluate", {"average": 3}, "evaluate.average: input should be 'macro' or 'weighted' (it is 3)"),
        ("validate", {"max_quarantined": 1.5}, "validate.max_quarantined: input should be less than 1 (it is 1.5)"),
        ("validate", {"max_quarantined": "few"}, "validate.max_quarantined: input should be a valid number"),
        ("validate", {"max_quarantined": float("nan")}, "validate.max_quarantined: input should be a finite number"),
        ("split", {"validation": 0.5, "test": 0.5}, "split: validation and test together leave no rows to train on"),
        ("register", {"metric": "f1", "gate": {"f1": {}}}, "register.gate.f1: give min, max or both"),
        (
            "register",
            {"metric": "f1", "gate": {"size_mib": {"max": 9, "surely": True}}},
            "register: gate.size_mib: it has no interval, so nothing of it is surer; leave surely out",
        ),
        (
            "register",
            {"metric": "calibration_error", "slices": {"max": 0.1}},
            "register: slices.max: of the few rows of a slice calibration_error is large by chance alone; bound it for",
        ),
        (
            "register",
            {"metric": "f1", "gate": {"f1": {"min": 0.9, "max": 0.5}}},
            "register.gate.f1: min 0.9 is above max 0.5: no value keeps both",
        ),
        (
            "register",
            {"metric": "rmse", "slices": {"min": 3}},
            "register: slices.min bounds nothing, as less rmse is better; write max",
        ),
        ("evaluate", {"costs": {"a": {"b": -1}}}, "evaluate.costs.a.b: input should be greater than or equal to 0"),
        (
            "evaluate",
            {"costs": {"a": {"b": 2}}, "threshold": {"false_negative": 2}},
            "evaluate: threshold and costs both say what mistakes cost; leave one of the two out",
        ),
        ("normalize", {"text": {"ngrams": [2, 1]}}, "normalize.text: ngrams goes from a shortest to a longest"),
        ("normalize", {"text": {"ngrams": [0, 1]}}, "normalize.text: ngrams goes from a shortest to a longest"),
        (
            "augment",
            {"image": {"alternate_flip": True}},
            "augment.image: alternate_flip says when images are mirrored, and flip is none; add `flip: horizontal`",
        ),
        (
            "augment",
            {"image": {"flip": "both", "alternate_flip": True}, "copies": 1},
            "augment: alternate_flip goes by the epoch and copies are written down; leave one of them out",
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_place_and_what_would_do(section: str, content: Any, said: str) -> None:
    assert complaint(block(**{section: content})).startswith(f"params.yaml: pipelines.churn.{said}")


@pytest.mark.parametrize(
    ("sections", "place"),
    [
        ({"register": {"metric": "expected_cost"}}, "register.metric"),
        ({"register": {"metric": "f1", "gate": {"expected_cost": {"max": 1}}}}, "register.gate"),
        ({"evaluate": {"metric": "expected_cost", "threshold": 0.3}}, "evaluate.metric"),
    ],
)
def test_an_expected_cost_needs_costs(sections: dict[str, Any], place: str) -> None:
    asked = f"params.yaml: pipelines.churn: {place} expected_cost needs what mistakes cost; write `evaluate: {{costs: "
    assert complaint(block(**sections)).startswith(asked)
    # By either of what it advises.
    for settings in ({"costs": {"a": {"b": 3}}}, {"threshold": {"false_positive": 2, "false_negative": 3}}):
        check_pipeline(FILE, "churn", block(**{**sections, "evaluate": {**sections.get("evaluate", {}), **settings}}))


@pytest.mark.parametrize(
    ("bounded", "off", "cure"),
    [
        ("coverage", {}, {"conformal": {"coverage": 0.9}}),
        ("set_size", {"robustness": {"rows": 50}}, {"conformal": {"by": "class"}}),
        ("robustness_loss", {"robustness": {"enabled": False}}, {"robustness": {"enabled": True}}),
    ],
)
def test_what_the_gate_bounds_is_measured(bounded: str, off: dict[str, Any], cure: dict[str, Any]) -> None:
    register = {"metric": "f1", "gate": {bounded: {"max": 1}}}
    said = complaint(block(register=register, evaluate=off))
    assert said.startswith(f"params.yaml: pipelines.churn: register.gate bounds {bounded}, which ")
    assert said.endswith("or take the rule out")
    check_pipeline(FILE, "churn", block(register=register, evaluate=cure))


def test_a_missing_section_says_whether_it_may_be_empty() -> None:
    without = block()
    for section in ("split", "clean", "train"):
        del without[section]
    assert complaint(without).splitlines() == [
        "params.yaml: pipelines.churn.split is missing; add it (`split: {}` takes its defaults)",
        "params.yaml: pipelines.churn.clean is missing; add it (`clean: {}` takes its defaults)",
        "params.yaml: pipelines.churn.train is missing; add it",
    ]


def test_files_of_their_own_are_not_mixed_with_the_others() -> None:
    source = {"kind": "table", "path": "train.csv", "test_path": "test.csv"}
    apart = block(ingest={"source": source, "target": "left"})
    assert complaint(apart).endswith("write `split: {kind: given}`")
    check_pipeline(FILE, "churn", {**apart, "split": {"kind": "given"}})


def test_the_newest_rows_are_known_by_a_column_and_leave_no_folds() -> None:
    source = {"kind": "table", "path": "train.csv", "test_path": "test.csv"}
    in_time = {"kind": "given", "validation_by": "time"}
    timeless = block(ingest={"source": source, "target": "left"}, split=in_time)
    said = "churn: split.validation_by time takes the newest rows, and no column has the role time"
    assert said in complaint(timeless)
    timed = {"source": source, "target": "left", "columns": {"day": {"role": "time"}}}
    check_pipeline(FILE, "churn", block(ingest=timed, split=in_time))
    folds = complaint(block(ingest=timed, split={**in_time, "folds": 5}))
    assert folds.startswith("params.yaml: pipelines.churn.split: where validation goes by time there are no folds")


def test_every_mistake_has_a_line_of_its_own() -> None:
    assert len(complaint(block(clean={"x": 1}, evaluate={"y": 2}, train={})).splitlines()) == 3


@pytest.mark.parametrize("name", ["Churn", "my pipeline", "-x", "../up", "ü"])
def test_a_pipeline_name_that_no_folder_should_have(name: str) -> None:
    said = f"params.yaml: pipelines.{name}: a pipeline's name has lower-case letters, digits, - and _ only; rename it"
    assert complaint(block(), name) == said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", ": holds no pipelines; `modelwright init NAME SOURCE` writes one"),
        ("# only a comment\n", ": holds no pipelines"),
        ("pipelines:\n", ": holds no pipelines"),
        ("pipelines: {}\n", ": holds no pipelines"),
        ("just text\n", ": holds no pipelines"),
        ("pipelines: [a, b]\n", ": pipelines must be a mapping"),
        ("pipelines:\n  churn:\n", ": pipelines.churn must be a mapping of keys to values (it is empty)"),
        ("pipeline:\n  churn: {}\n", ": pipeline is unknown; did you mean pipelines?"),
        ("pipelines:\n  churn: {clean: [}\n", ":2: not YAML"),
        ("pipelines:\n\tchurn: {}\n", ":2: not YAML"),
        ("pipelines:\n  a: {}\n  a: {}\n", ":3: not YAML: found duplicate key"),
        ("a: 1\n---\nb: 2\n", ":2: not YAML"),
        ("pipelines: !!python/name:os.system\n", ":1: not YAML"),
        (b"pipelines: \x00\n", ": not YAML"),
        ("pipelines: {}  # Grüße\n".encode("latin-1"), ": not UTF-8 at byte"),
        ("pipelines: {}\n".encode("utf-16"), ": not UTF-8 at byte 0; save it as UTF-8"),
    ],
)
def test_a_file_that_is_not_as_it_should_be(tmp_path: Path, content: str | bytes, said: str) -> None:
    assert file_complaint(tmp_path, content).startswith(said)


def test_a_file_that_is_not_there_or_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"params\.yaml: there is no such file; run this in the folder that holds it"):
        load_params(tmp_path / "params.yaml")
    with pytest.raises(UserError, match="cannot be read"):
        load_params(tmp_path)


def test_a_pipeline_that_does_not_exist() -> None:
    with pytest.raises(UserError, match="there is no pipeline digist; did you mean digits"):
        load_pipeline(ROOT / "params.yaml", "digist")


def test_a_mistake_in_one_block_leaves_the_others_usable(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(json.dumps({"pipelines": {"good": block(), "bad": {"clean": 1}}}))
    assert load_pipeline(file, "good") == check_pipeline(FILE, "good", block())
    with pytest.raises(UserError, match=r"pipelines\.bad\."):
        load_params(file)


def test_yaml_is_read_as_dvc_reads_it(tmp_path: Path) -> None:
    text = json.dumps({"pipelines": {"churn": block(train={"kind": "lightgbm", "learning_rate": "RATE"})}})
    (tmp_path / "params.yaml").write_text("\ufeff" + text.replace('"RATE"', "1e-3"), encoding="utf-8")
    train = load_pipeline(tmp_path / "params.yaml", "churn").stage("train")
    assert train.model_dump()["learning_rate"] == 0.001


SHADOWED: dict[str, Any] = {
    "register": {"metric": "accuracy", "shadow": {}},
    "monitor": {"log": True},
    "serve": {"shadow": "challenger"},
}


def test_versions_that_prove_themselves_on_live_rows_are_asked_and_logged() -> None:
    """What each message says to write is what was missing."""
    assert check_pipeline(FILE, "churn", block(**SHADOWED)).register_.shadow is not None
    without_log = complaint(block(**{**SHADOWED, "monitor": {}}))
    assert "monitor.log is false: none is kept; write `monitor: {log: true}`" in without_log
    for other in ({}, {"shadow": "canary"}):
        without_copies = complaint(block(**{**SHADOWED, "serve": other}))
        assert f"serve.shadow is {other.get('shadow', 'null')}: the challenger is asked nothing" in without_copies
        assert "write `serve: {shadow: challenger}`" in without_copies
    never = complaint(block(**{**SHADOWED, "register": {"metric": "accuracy", "shadow": {"max_rows": 100}}}))
    assert "max_rows 100 is less than min_rows 200: the two would never be compared" in never
    for_ages = complaint(block(**{**SHADOWED, "register": {"metric": "accuracy", "shadow": {"max_days": 1e9}}}))
    assert "register.shadow.max_days: input should be less than or equal to 36500" in for_ages


def test_days_of_the_week_are_told_by_a_column_and_quality_by_metrics_of_the_task() -> None:
    """What each message says to write is what was missing."""
    timeless = complaint(block(monitor={"season": "week"}))
    assert timeless.startswith("params.yaml: pipelines.churn: monitor.season week tells days of the week apart, and no")
    source = block()["ingest"]
    timed = block(ingest={**source, "columns": {"day": {"role": "time"}}}, monitor={"season": "week"})
    assert check_pipeline(FILE, "churn", timed).monitor.season == "week"
    assert check_pipeline(FILE, "churn", block(monitor={"season": "none"})).monitor.season == "none"
    bounded = {"monitor": {"rules": {"quality": {"rmse": {"max": 2}}}}}
    # What the task is, ingest finds out.
    check_pipeline(FILE, "churn", block(**bounded))
    check_pipeline(FILE, "churn", block(**bounded, ingest={**source, "task": "regression"}))
    assert complaint(block(**bounded, ingest={**source, "task": "binary"})) == (
        "params.yaml: pipelines.churn: monitor.rules.quality.rmse is of numbers, and the target has classes; known are "
        "accuracy, brier, log_loss"
    )


def test_the_schema_at_the_root_is_that_of_the_models() -> None:
    kept = (ROOT / "params.schema.json").read_text(encoding="utf-8")
    assert json.loads(kept) == json_schema(), "run `make schema`"
    assert set(json_schema()["$defs"]["Pipeline"]["properties"]) == {
        *STAGES,
        "predict",
        "tune",
        "monitor",
        "schedule",
        "notify",
        "serve",
        "retention",
    }


def test_an_editor_refuses_unknown_keys_as_well() -> None:
    definitions = json_schema()["$defs"]
    assert all(not definition.get("additionalProperties", True) for definition in definitions.values())


def test_loading_imports_nothing_heavy() -> None:
    program = (
        "import sys; from pathlib import Path; from tasks.params.file import load_params; "
        "load_params(Path('params.yaml')); "
        "print(*{'torch', 'polars', 'numpy', 'pandas', 'dvc', 'mlflow', 'prefect'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == ""


def test_what_is_not_written_as_it_must_be_is_told_by_examples() -> None:
    assert complaint(block(serve={"shadow": "a b"})) == (
        f"{FILE}: pipelines.churn.serve.shadow is not written as it must be (it is 'a b'); write it like challenger, "
        "or challenger=10"
    )

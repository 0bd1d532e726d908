"""The train section as users write it: contradictions are refused with their cure, and a config survives its files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from ruamel.yaml import YAML

from tasks.errors import UserError
from tasks.params.config import Config
from tasks.params.file import load_pipeline
from tasks.params.lightgbm import LightgbmTrain
from tasks.params.networks import Network
from tasks.params.sklearn import Estimator, SklearnTrain
from tasks.params.torch import TorchTrain
from tasks.params.train import EnsembleTrain, Train

PARAMS = """
pipelines:
  churn:
    ingest: {source: {kind: table, path: rows.csv}, target: left}
    validate: {}
    clean: {}
    split: {}
    normalize: {}
    augment: {}
    evaluate: {}
    register: {metric: accuracy}
    train: {TRAIN}
"""
TORCH = "kind: torch, network: {kind: mlp}"


def loaded(folder: Path, train: str) -> Train:
    """The train section as a user's file says it."""
    file = folder / "params.yaml"
    file.write_text(PARAMS.replace("TRAIN", train))
    return load_pipeline(file, "churn").train


def network(content: str) -> str:
    return f"kind: torch, network: {{{content}}}"


def estimator(content: str) -> str:
    return f"kind: sklearn, estimator: {{{content}}}"


# What is written, the section that is complained of, what is said, and what is written by whoever did what was said.
CONTRADICTIONS = [
    (
        network("kind: mlp, style: residual, hidden: [128, 64]"),
        "train.network",
        "style residual adds layers to each other, so hidden must be equal widths, as [128, 128]",
        network("kind: mlp, style: residual, hidden: [128, 128]"),
    ),
    (
        network("kind: mlp, style: residual, hidden: []"),
        "train.network",
        "style residual adds layers to each other, so hidden must be equal widths, as [128, 128]",
        network("kind: mlp, style: residual, hidden: [128]"),
    ),
    (
        network("kind: mlp, style: tabm, hidden: []"),
        "train.network",
        "style tabm needs at least one hidden layer; give hidden, or use style: plain",
        network("kind: mlp, style: plain, hidden: []"),
    ),
    (
        network("kind: mlp, members: 8"),
        "train.network",
        "members are of style: tabm, and the style is plain; remove members",
        network("kind: mlp, style: tabm, members: 8"),
    ),
    (
        network("kind: cnn, style: residual, padding: valid"),
        "train.network",
        "style residual adds pictures of one size, and padding valid shrinks them; use padding: same",
        network("kind: cnn, style: residual, padding: same"),
    ),
    (
        network("kind: cnn, style: residual, dirac: true"),
        "train.network",
        "style residual passes on what came in by itself; remove dirac, or use style: plain",
        network("kind: cnn, style: plain, dirac: true"),
    ),
    (
        network("kind: transformer, width: 100, num_heads: 3"),
        "train.network",
        "num_heads 3 do not divide width 100; try num_heads: 4 with width: 128",
        network("kind: transformer, width: 128, num_heads: 4"),
    ),
    (
        network("kind: vit, width: 90"),
        "train.network",
        "num_heads 4 do not divide width 90; try num_heads: 4 with width: 128",
        network("kind: vit, width: 90, num_heads: 5"),
    ),
    (
        f"{TORCH}, momentum: 0.9",
        "train",
        "momentum is of sgd, rmsprop and muon, and the optimizer is adamw; remove momentum",
        f"{TORCH}, momentum: 0.9, optimizer: rmsprop",
    ),
    (
        f"{TORCH}, optimizer: rmsprop, nesterov: true",
        "train",
        "nesterov is of sgd and muon, and the optimizer is rmsprop; remove nesterov",
        f"{TORCH}, optimizer: sgd, nesterov: true",
    ),
    (
        f"{TORCH}, optimizer: sgd, nesterov: true, momentum: 0",
        "train",
        "nesterov looks ahead by the momentum, and momentum is 0; remove one of them",
        f"{TORCH}, optimizer: sgd, nesterov: false, momentum: 0",
    ),
    (
        f"{TORCH}, decay_every: 5",
        "train",
        "decay_every is of schedule step, and the schedule is cosine; remove decay_every",
        f"{TORCH}, decay_every: 5, schedule: step",
    ),
    (
        f"{TORCH}, decay_factor: 0.5, schedule: one_cycle",
        "train",
        "decay_factor is of schedule step and plateau, and the schedule is one_cycle; remove decay_factor",
        f"{TORCH}, decay_factor: 0.5, schedule: plateau",
    ),
    (
        f"{TORCH}, plateau_patience: 5, schedule: step",
        "train",
        "plateau_patience is of schedule plateau, and the schedule is step; remove plateau_patience",
        f"{TORCH}, plateau_patience: 5, schedule: plateau",
    ),
    (
        f"{TORCH}, warmup_steps: 10, schedule: one_cycle",
        "train",
        "one_cycle has a warm-up of its own; remove warmup_steps, or use schedule: cosine",
        f"{TORCH}, warmup_steps: 10, schedule: cosine",
    ),
    (
        f"{TORCH}, warmup_steps: 10, max_steps: 10",
        "train",
        "warmup_steps 10 never end in max_steps 10; give fewer",
        f"{TORCH}, warmup_steps: 9, max_steps: 10",
    ),
    (
        f"{TORCH}, loss: mse, label_smoothing: 0.1",
        "train",
        "label_smoothing is of loss cross_entropy, and the loss is mse; remove label_smoothing",
        f"{TORCH}, label_smoothing: 0.1",
    ),
    (
        f"{TORCH}, loss: huber, class_weight: balanced",
        "train",
        "class_weight is of loss cross_entropy, and the loss is huber; remove class_weight",
        f"{TORCH}, loss: cross_entropy, class_weight: balanced",
    ),
    (
        f"{TORCH}, loss: mae, huber_delta: 2",
        "train",
        "huber_delta is of loss huber, and the loss is mae; remove huber_delta",
        f"{TORCH}, loss: huber, huber_delta: 2",
    ),
    (
        f"{TORCH}, max_minutes: 5",
        "train",
        "max_minutes lets the clock decide when to stop, and determinism is strict; "
        "give max_steps instead, or add `determinism: off`",
        f"{TORCH}, max_minutes: 5, determinism: off",
    ),
    (
        f"{TORCH}, compile: auto",
        "train",
        "compile: auto lets the clock decide, and determinism is strict; write true or false, "
        "or add `determinism: off`",
        f"{TORCH}, compile: auto, determinism: off",
    ),
    (
        f"{TORCH}, freeze: [encoders]",
        "train",
        "freeze keeps weights as they are, and fresh ones know nothing yet; give init_from",
        f"{TORCH}, freeze: [encoders], init_from: 'models:/digits@champion'",
    ),
    (
        f"{TORCH}, learning_rates: {{head: 2, encoders: 0}}",
        "train",
        "learning_rates: 0 is not above 0; weights that are to stay belong to freeze",
        f"{TORCH}, learning_rates: {{head: 2}}, freeze: [encoders], init_from: models/digits",
    ),
    (
        "kind: lightgbm, max_depth: 3, num_leaves: 9",
        "train",
        "num_leaves 9 do not fit max_depth 3, which allows 8; give fewer leaves or more depth",
        "kind: lightgbm, max_depth: 3, num_leaves: 8",
    ),
    (
        estimator("kind: naive_bayes, distribution: gaussian, smoothing: 0.5"),
        "train.estimator",
        "smoothing is added to counts, and distribution: gaussian counts nothing; take it out",
        estimator("kind: naive_bayes, distribution: bernoulli, smoothing: 0.5"),
    ),
    (
        estimator("kind: import, path: mylib.MyClassifier, allowed: [mylib.Other]"),
        "train.estimator",
        "path mylib.MyClassifier is not of scikit-learn: importing it runs its code, so write allowed: "
        "[mylib.MyClassifier] beside it if you trust that",
        estimator("kind: import, path: mylib.MyClassifier, allowed: [mylib.MyClassifier]"),
    ),
]


@pytest.mark.parametrize(
    ("train", "where", "said", "cured"), CONTRADICTIONS, ids=[said for _, _, said, _ in CONTRADICTIONS]
)
def test_a_contradiction_is_refused_at_load_and_its_cure_cures_it(
    train: str, where: str, said: str, cured: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as caught:
        loaded(tmp_path, train)
    assert str(caught.value) == f"{tmp_path / 'params.yaml'}: pipelines.churn.{where}: {said}"
    assert isinstance(loaded(tmp_path, cured), Config)


@pytest.mark.parametrize(
    "train",
    [
        f"{TORCH}, optimizer: sgd, nesterov: true",
        f"{TORCH}, optimizer: sgd, momentum: 0",
        f"{TORCH}, optimizer: adam, momentum: null, nesterov: null",
        f"{TORCH}, loss: mse, label_smoothing: 0, class_weight: null, huber_delta: 1",
        f"{TORCH}, loss: auto, label_smoothing: 0.1, class_weight: balanced",
        f"{TORCH}, schedule: step",
        f"{TORCH}, schedule: plateau, decay_factor: 0.5, plateau_patience: 1",
        f"{TORCH}, schedule: one_cycle, warmup_steps: 0",
        f"{TORCH}, warmup_steps: 1000",
        f"{TORCH}, max_steps: 10, epochs: 5",
        f"{TORCH}, compile: true",
        f"{TORCH}, compile: auto, max_minutes: 10, max_steps: 10, determinism: off",
        f"{TORCH}, precision: bf16, layout: channels_last",
        f"{TORCH}, freeze: [], init_from: 'models:/digits/3'",
        network("kind: mlp, hidden: []"),
        network("kind: mlp, members: 32"),
        network("kind: mlp, style: tabm, hidden: [16]"),
        network("kind: cnn, style: plain, padding: valid"),
        network("kind: transformer, width: 12, num_heads: 12"),
        "kind: lightgbm, max_depth: 2",
        "kind: lightgbm, num_leaves: 500",
        estimator("kind: naive_bayes, distribution: gaussian, smoothing: 1"),
        estimator("kind: import, path: sklearn.ensemble.ExtraTreesClassifier, settings: {n_estimators: 10}"),
    ],
)
def test_what_does_not_contradict_itself_loads(train: str, tmp_path: Path) -> None:
    said = YAML(typ="safe").load(f"{{{train}}}")
    assert loaded(tmp_path, train).model_dump(mode="json", exclude_unset=True) == said


WEIGHTED = ["logistic_regression", "svm", "random_forest", "extra_trees", "hist_gradient_boosting"]


@pytest.mark.parametrize(
    "train", [TORCH, "kind: lightgbm", *(estimator(f"kind: {kind}, WEIGHTS") for kind in WEIGHTED)]
)
def test_classes_are_named_by_text_though_yaml_reads_numbers(train: str, tmp_path: Path) -> None:
    weights = "class_weight: {0: 1, 12: 2.5, true: 3, yes: 4}"
    found: Any = loaded(tmp_path, train.replace("WEIGHTS", weights) if "WEIGHTS" in train else f"{train}, {weights}")
    found = found.estimator if "estimator" in train else found
    assert found.class_weight == {"0": 1.0, "12": 2.5, "true": 3.0, "yes": 4.0}


@pytest.mark.parametrize(
    ("train", "said"),
    [
        (f"{TORCH}, batch_size: 0", "train.batch_size: input should be greater than or equal to 1 (it is 0)"),
        (f"{TORCH}, learning_rate: 0", "train.learning_rate: input should be greater than 0 (it is 0)"),
        (f"{TORCH}, learning_rate: .inf", "train.learning_rate: input should be a finite number (it is inf)"),
        (f"{TORCH}, ema_decay: 1", "train.ema_decay: input should be less than 1 (it is 1)"),
        (f"{TORCH}, label_smoothing: 1", "train.label_smoothing: input should be less than 1 (it is 1)"),
        (f"{TORCH}, workers: 65", "train.workers: input should be less than or equal to 64 (it is 65)"),
        (
            network("kind: cnn, channels: []"),
            "train.network.channels is an empty list; name one at least, or take it out",
        ),
        (
            network("kind: mlp, hidden: [8, 0]"),
            "train.network.hidden.1: input should be greater than or equal to 1 (it is 0)",
        ),
        (
            network("kind: cnn, channels: [8, -2]"),
            "train.network.channels.1: input should be greater than or equal to 1 (it is -2)",
        ),
        (
            network("kind: text_cnn, kernel_sizes: [3, 0]"),
            "train.network.kernel_sizes.1: input should be greater than or equal to 1 (it is 0)",
        ),
        (
            network("kind: audio_cnn, channels: [8, 0]"),
            "train.network.channels.1: input should be greater than or equal to 1 (it is 0)",
        ),
        (
            network("kind: cnn, convolutions: 9"),
            "train.network.convolutions: input should be less than or equal to 8 (it is 9)",
        ),
        (
            network("kind: mlp, style: tabm, members: 1"),
            "train.network.members: input should be greater than or equal to 2 (it is 1)",
        ),
        ("kind: lightgbm, feature_fraction: 0", "train.feature_fraction: input should be greater than 0 (it is 0)"),
        (
            "kind: lightgbm, monotone: {age: up}",
            "train.monotone.age: input should be 'increasing' or 'decreasing' (it is 'up')",
        ),
        (
            estimator("kind: ridge, alpha: -1"),
            "train.estimator.alpha: input should be greater than or equal to 0 (it is -1)",
        ),
    ],
)
def test_a_number_that_means_nothing_is_refused(train: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        loaded(tmp_path, train)
    assert str(caught.value).endswith(f": pipelines.churn.{said}")


@pytest.mark.parametrize(
    ("train", "said"),
    [
        (f"{TORCH}, class_weight: {{a: 0}}", ".class_weight.a: input should be greater than 0 (it is 0)"),
        (
            f"{TORCH}, class_weight: balancd",
            ".class_weight: input should be 'balanced', or a mapping of keys to values (it is 'balancd')",
        ),
        (f"{TORCH}, compile: maybe", ".compile: input should be true or false, or 'auto' (it is 'maybe')"),
        (
            estimator("kind: svm, gamma: -1"),
            ".estimator.gamma: input should be 'scale' or 'auto', or greater than 0 (it is -1)",
        ),
        (f"{TORCH}, init_from: x, freeze: encoders", ".freeze must be a list, such as [encoders]"),
        (network("kind: mlp, hidden: 3"), ".network.hidden must be a list, such as [3]"),
    ],
)
def test_where_one_of_several_things_may_stand_one_line_says_so(train: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        loaded(tmp_path, train)
    assert str(caught.value).endswith(f": pipelines.churn.train{said}")
    assert "\n" not in str(caught.value)


# Every setting of every class with a value that is not its default; what excludes each other, one after another.
SAMPLES: dict[str, tuple[dict[str, Any], ...]] = {
    "mlp": (
        {
            "hidden": [10, 10],
            "style": "residual",
            "norm": "batch",
            "activation": "relu",
            "dropout": 0.0,
            "embedding": 3,
        },
        {"style": "tabm", "members": 4},
    ),
    "cnn": (
        {"style": "residual", "channels": [4], "convolutions": 3, "norm": "none", "activation": "tanh"},
        {"padding": "valid", "hidden": 7, "dropout": 0.5},
        {"whitening": True, "dirac": True},
        {"size": "medium"},
    ),
    "rnn": ({"cell": "lstm", "width": 8, "num_layers": 2, "bidirectional": False, "embedding": 5, "dropout": 0.0},),
    "transformer": (
        {"width": 9, "num_layers": 1, "num_heads": 3, "mlp_ratio": 2, "activation": "sigmoid", "dropout": 0.3},
    ),
    "vit": (
        {
            "patch_size": 7,
            "width": 9,
            "num_layers": 1,
            "num_heads": 3,
            "mlp_ratio": 2,
            "activation": "relu",
            "dropout": 0.3,
        },
    ),
    "text_cnn": ({"kernel_sizes": [2], "channels": 5, "embedding": 6, "activation": "gelu", "dropout": 0.1},),
    "audio_cnn": (
        {"channels": [3], "norm": "none", "activation": "relu", "hidden": 5, "dropout": 0.0},
        {"size": "small"},
    ),
    "logistic_regression": ({"C": 0.5, "class_weight": {"0": 2.0}, "max_iter": 5},),
    "ridge": ({"alpha": 0.0},),
    "elastic_net": ({"alpha": 2.0, "l1_ratio": 0.1, "max_iter": 5},),
    "svm": ({"kernel": "poly", "C": 2.0, "gamma": 0.5, "epsilon": 0.0, "class_weight": "balanced"},),
    "k_neighbors": ({"n_neighbors": 3, "weights": "distance", "metric": "cosine"},),
    "random_forest": (
        {"n_estimators": 5, "max_depth": 3, "min_samples_leaf": 2, "max_features": 0.5, "class_weight": "balanced"},
    ),
    "extra_trees": (
        {"n_estimators": 5, "max_depth": 3, "min_samples_leaf": 2, "max_features": 0.5, "class_weight": "balanced"},
    ),
    "hist_gradient_boosting": (
        {"learning_rate": 0.2, "max_iter": 5, "max_leaf_nodes": 3, "min_samples_leaf": 2, "l2_regularization": 1.0},
        {"patience": None, "class_weight": {"no": 1.0, "yes": 2.0}},
    ),
    "naive_bayes": ({"distribution": "multinomial", "smoothing": 0.5},),
    "import": (
        {"path": "sklearn.svm.NuSVC", "settings": {"nu": 0.3, "steps": [1, {"a": None}]}, "allowed": ["my.Own"]},
    ),
    "lightgbm": (
        {"learning_rate": 0.1, "num_leaves": 7, "max_depth": 3, "min_data_in_leaf": 5, "feature_fraction": 0.5},
        {"bagging_fraction": 0.5, "lambda_l1": 1.0, "lambda_l2": 1.0, "categories": "one_hot", "device": "gpu"},
        {"monotone": {"age": "increasing"}, "class_weight": {"a": 2.0}, "num_iterations": 5, "patience": 3},
        {"extra_trees": True, "categories": "one_by_one"},
        {"seed": 4, "refit": "all_rows", "target_transform": "log1p"},
    ),
    "sklearn": ({"estimator": {"kind": "ridge"}, "seed": 3, "refit": "all_rows", "target_transform": "quantile"},),
    "ensemble": (
        {"folds": 3, "calibrate": "none", "determinism": "off", "max_minutes": 5.0, "seed": 2},
        {"target_transform": "log1p"},
        {"members": [{"kind": "lightgbm"}, {"kind": "sklearn", "estimator": {"kind": "ridge"}}]},
    ),
    "torch": (
        {"optimizer": "sgd", "momentum": 0.5, "nesterov": False, "learning_rate": 0.3, "weight_decay": 0.0, "l1": 0.1},
        {"loss": "cross_entropy", "label_smoothing": 0.1, "class_weight": {"a": 2.0, "b": 0.5}, "clip_norm": 1.0},
        {"loss": "huber", "huber_delta": 2.5},
        {"schedule": "step", "decay_every": 2, "decay_factor": 0.5, "warmup_steps": 3},
        {"schedule": "plateau", "plateau_patience": 2},
        {"batch_size": 3, "gradient_accumulation": 2, "epochs": 4, "max_steps": 9, "patience": 2, "ema_decay": 0.99},
        {"determinism": "off", "max_minutes": 0.5, "compile": "auto", "precision": "bf16", "layout": "channels_last"},
        {"test_time_augmentation": "flip", "device": "cuda:1", "workers": 2, "max_memory_mib": 0, "seed": 5},
        {"checkpoint_minutes": 1.0, "checkpoint_steps": 7, "init_from": "models/digits", "freeze": ["encoders"]},
        {"learning_rates": {"head": 2.0}, "compile": True, "refit": "all_rows"},
    ),
}
NEEDED: dict[str, dict[str, Any]] = {
    "torch": {"network": {"kind": "cnn", "channels": [8, 16]}},
    "ensemble": {"members": [{"kind": "lightgbm"}]},
}
"""What a class cannot do without, besides the samples."""


def classes(union: Any) -> Iterator[type[Config]]:
    yield from get_args(get_args(union)[0])


def kind_of(config: type[Config]) -> str:
    kind: str = get_args(config.model_fields["kind"].annotation)[0]
    return kind


ALL = {kind_of(config): config for union in (Network, Estimator, Train) for config in classes(union)}
CASES = [(kind, sample) for kind, samples in SAMPLES.items() for sample in samples]


def made(kind: str, sample: dict[str, Any]) -> Config:
    return ALL[kind].model_validate({"kind": kind, **NEEDED.get(kind, {}), **sample})


def default_of(field: FieldInfo) -> Any:
    return field.get_default(call_default_factory=True)


def test_the_samples_set_every_setting_of_every_class_to_what_is_not_its_default() -> None:
    assert SAMPLES.keys() == ALL.keys()
    for kind, config in ALL.items():
        found = [made(kind, sample) for sample in SAMPLES[kind]]
        for name, field in config.model_fields.items():
            assert name == "kind" or any(getattr(one, name) != default_of(field) for one in found), (kind, name)


@pytest.mark.parametrize(("kind", "sample"), CASES)
def test_a_config_survives_json_with_all_its_defaults_and_without(kind: str, sample: dict[str, Any]) -> None:
    config = made(kind, sample)
    # In whole as a checkpoint's key and a model's file have it, and what was set as workers are told it.
    for written in (config.model_dump(mode="json"), config.model_dump(mode="json", exclude_unset=True)):
        again = type(config).model_validate_json(json.dumps(written))
        assert again == config
        assert again.model_dump(mode="json") == config.model_dump(mode="json")


@pytest.mark.parametrize(("kind", "sample"), CASES)
def test_a_config_with_all_its_defaults_written_out_loads_from_params_yaml(
    kind: str, sample: dict[str, Any], tmp_path: Path
) -> None:
    config = made(kind, sample)
    told = config.model_dump(mode="json")
    section = _section(kind, told)
    found = loaded(tmp_path, _flow(section).strip().removeprefix("{").removesuffix("}"))
    assert found == TypeAdapter(Train).validate_python(section)
    assert found.model_dump(mode="json") == {**found.model_dump(mode="json"), **section}


@given(
    st.lists(st.sampled_from([item for sample in SAMPLES["torch"] for item in sample.items()]), max_size=5),
    st.sampled_from([case for case in CASES if ALL[case[0]] in set(classes(Network))]),
)
@settings(derandomize=True, deadline=None, max_examples=60)
def test_whatever_of_torch_is_accepted_is_accepted_again(
    chosen: list[tuple[str, Any]], of_network: tuple[str, dict[str, Any]]
) -> None:
    kind, sample = of_network
    try:
        config = TorchTrain.model_validate({"kind": "torch", "network": {"kind": kind, **sample}, **dict(chosen)})
    except ValidationError:
        reject()
    assert TorchTrain.model_validate_json(config.model_dump_json()) == config
    assert TorchTrain.model_validate_json(config.model_dump_json(exclude_unset=True)) == config
    assert TorchTrain.model_validate_json(config.model_dump_json(exclude_defaults=True)) == config
    # A model's file leaves out what it does not need in order to answer, and stands alone.
    kept = config.model_dump_json(include={"kind", "network", "loss", "test_time_augmentation", "device"})
    again = TorchTrain.model_validate_json(kept)
    assert (again.network, again.loss, again.device) == (config.network, config.loss, config.device)


def _section(kind: str, told: dict[str, Any]) -> dict[str, Any]:
    """A train section around what was made."""
    if ALL[kind] in (TorchTrain, LightgbmTrain, SklearnTrain, EnsembleTrain):
        return told
    if ALL[kind] in set(classes(Network)):
        return {"kind": "torch", "network": told}
    return {"kind": "sklearn", "estimator": told}


def _flow(section: dict[str, Any]) -> str:
    """A mapping as YAML in one line."""
    text, yaml = StringIO(), YAML(typ="safe")
    yaml.default_flow_style, yaml.width = True, 10_000
    yaml.dump(section, text)
    return text.getvalue()


def test_members_are_called_by_what_they_are(tmp_path: Path) -> None:
    imported = "{kind: sklearn, estimator: {kind: import, path: sklearn.ensemble.ExtraTreesClassifier}}"
    linear, network = "{kind: sklearn, estimator: {kind: ridge}}", "{kind: torch, network: {kind: mlp}}"
    members = ["{kind: lightgbm}", linear, "{kind: lightgbm}", imported, network]
    train = loaded(tmp_path, f"kind: ensemble, members: [{', '.join(members)}]")
    assert isinstance(train, EnsembleTrain)
    assert train.names == ["lightgbm", "ridge", "lightgbm-2", "ExtraTreesClassifier", "mlp"]

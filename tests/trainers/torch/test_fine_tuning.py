"""Weights of another model are taken over where they fit, and whatever was not is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save
from torch import nn

from tasks.errors import UserError
from tasks.model_input.inputs import Field, Spec
from tasks.networks import build
from tasks.networks.base import InputNetwork, ScaleBytes
from tasks.params.networks import CnnNetwork
from tasks.trainers.base import write_model
from tasks.trainers.torch.fine_tuning import OtherShape, load_weights, read_weights

IMAGE = Field(name="scan", kind="image", shape=(1, 8, 8), factor=(1 / 255,), offset=(-0.5,))


def network(classes: str = "abc", seed: int = 0, factor: float = 1 / 255) -> InputNetwork:
    torch.manual_seed(seed)
    image = Field(name="scan", kind="image", shape=(1, 8, 8), factor=(factor,), offset=(-0.5,))
    of = Spec(fields=(image,), task="multiclass", classes=tuple(classes))
    return build(CnnNetwork(kind="cnn", channels=(4, 6), hidden=8), of)


def copied(of: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in of.state_dict().items()}


def of_the_recipe(of: nn.Module) -> set[str]:
    paths = [path for path, module in of.named_modules() if isinstance(module, ScaleBytes)]
    return {f"{path}.{name}" for path in paths for name in ("factor", "offset")}


def test_takes_all_that_the_same_network_has_but_the_scaling_of_bytes() -> None:
    source, target = copied(network(seed=1, factor=2.0)), network()
    recipe = of_the_recipe(target)
    before, loaded = copied(target), load_weights(target, source, "models/base")
    assert recipe
    assert set(loaded.loaded) == set(source) - recipe
    assert (loaded.missing, loaded.other_shape, loaded.unused) == ((), (), ())
    for name, tensor in target.state_dict().items():
        assert torch.equal(tensor, before[name] if name in recipe else source[name])
    assert loaded.in_words() == f"{len(loaded.loaded)} of {len(loaded.loaded)} weights from models/base"


def test_leaves_and_tells_what_has_another_shape() -> None:
    source, target = copied(network("abcde", seed=1)), network("abc")
    before, loaded = copied(target), load_weights(target, source, "models/base")
    names = [weight.name for weight in loaded.other_shape]
    assert [(weight.there[0], weight.here[0]) for weight in loaded.other_shape] == [(5, 3), (5, 3)]
    for name in names:
        assert torch.equal(target.state_dict()[name], before[name])
    for name in loaded.loaded:
        assert torch.equal(target.state_dict()[name], source[name])
    assert f"of another shape: {names[0]} ([5, 8] there, [3, 8] here)" in loaded.in_words()


def test_tells_what_is_missing_and_what_is_left_over() -> None:
    target = nn.ModuleDict({"encoder": nn.Linear(2, 3), "head": nn.Linear(3, 2)})
    source = {"encoder.weight": torch.ones(3, 2), "encoder.bias": torch.ones(4), "old.bias": torch.ones(1)}
    loaded = load_weights(target, source, "models:/base@champion")
    assert loaded.loaded == ("encoder.weight",)
    assert loaded.missing == ("head.weight", "head.bias")
    assert loaded.other_shape == (OtherShape(name="encoder.bias", there=(4,), here=(3,)),)
    assert loaded.unused == ("old.bias",)
    assert loaded.in_words() == (
        "1 of 4 weights from models:/base@champion; of another shape: encoder.bias ([4] there, [3] here); "
        "not in it: head.weight, head.bias; in it without a place here: old.bias"
    )


def test_a_long_list_is_cut() -> None:
    target = nn.ModuleList(nn.Linear(1, 1) for _ in range(5))
    loaded = load_weights(target, {"0.weight": torch.ones(1, 1)}, "x")
    assert "not in it: 0.bias, 1.weight, 1.bias and 6 more" in loaded.in_words()


def test_a_parameter_that_is_called_offset_is_taken() -> None:
    target = nn.Module()
    target.offset = nn.Parameter(torch.zeros(2))
    assert load_weights(target, {"offset": torch.ones(2)}, "x").loaded == ("offset",)


def test_weights_go_on_learning() -> None:
    target = nn.Linear(2, 1)
    load_weights(target, {"weight": torch.ones(1, 2), "bias": torch.zeros(1)}, "x")
    target(torch.ones(1, 2)).sum().backward()
    assert target.weight.requires_grad
    assert target.weight.grad is not None


@pytest.mark.parametrize("source", [{}, {"other": torch.ones(1)}, {"weight": torch.ones(7, 7)}])
def test_refuses_a_model_of_which_nothing_fits(source: dict[str, torch.Tensor]) -> None:
    target = nn.Linear(2, 1)
    before = copied(target)
    with pytest.raises(UserError, match="no weight of models/base fits this network"):
        load_weights(target, source, "models/base")
    assert torch.equal(target.weight, before["weight"])


def written(folder: Path, kind: str = "torch", **changes: Any) -> dict[str, torch.Tensor]:
    weights = copied(network(seed=1))
    spec = Spec(fields=(IMAGE,), task="multiclass", classes=("x", "y", "z"))
    folder.mkdir()
    write_model(folder, kind, spec, "model.safetensors", save(weights), **changes)
    return weights


def test_reads_the_weights_of_a_models_folder(tmp_path: Path) -> None:
    weights = written(tmp_path / "base")
    found = read_weights(tmp_path / "base")
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], weights[name]) for name in weights)


def test_refuses_folders_that_hold_no_model_of_torch(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no model\.json"):
        read_weights(tmp_path / "nowhere")
    written(tmp_path / "trees", kind="lightgbm")
    with pytest.raises(UserError, match="is of lightgbm, and only weights of kind torch"):
        read_weights(tmp_path / "trees")


@pytest.mark.parametrize("damage", ["[1]", "{}", '{"trainer": "torch"}', "not json"])
def test_refuses_a_damaged_description(tmp_path: Path, damage: str) -> None:
    (tmp_path / "model.json").write_text(damage)
    with pytest.raises(UserError, match=r"model\.json.* damaged"):
        read_weights(tmp_path)


def test_refuses_weights_that_are_damaged_or_gone(tmp_path: Path) -> None:
    written(tmp_path / "base")
    path = tmp_path / "base" / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="damaged"):
        read_weights(tmp_path / "base")
    path.unlink()
    with pytest.raises(UserError, match="is not there"):
        read_weights(tmp_path / "base")


def test_reads_no_file_outside_the_folder(tmp_path: Path) -> None:
    written(tmp_path / "base")
    path = tmp_path / "base" / "model.json"
    content = json.loads(path.read_text())
    content["weights"]["file"] = "../secret.safetensors"
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="damaged"):
        read_weights(tmp_path / "base")

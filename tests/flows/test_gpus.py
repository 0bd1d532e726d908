"""Which cards a machine has and a training works on, by listings of the driver whose cards are known."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from flows.gpus import Gpu, gpus_of_machine, gpus_of_training, visible_gpus
from tasks.params.train import Train

LISTING = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aaaa1111-0000)
  MIG 1g.5gb      Device  0: (UUID: MIG-cccc3333-0000)
  MIG 1g.5gb      Device  1: (UUID: MIG-GPU-aaaa1111-0000/1/0)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-bbbb2222-0000)
"""
FIRST, SECOND = "GPU-aaaa1111-0000", "GPU-bbbb2222-0000"


@pytest.mark.parametrize(
    ("visible", "uuids"),
    [
        (None, [FIRST, SECOND]),
        ("1", [SECOND]),
        ("1, 0", [SECOND, FIRST]),
        ("GPU-bbbb", [SECOND]),
        ("MIG-cccc3333-0000", ["MIG-cccc3333-0000"]),
        ("MIG-GPU-aaaa1111-0000/1/0", ["MIG-GPU-aaaa1111-0000-1-0"]),
        ("", []),
        ("-1", []),
        # CUDA's own rule: what follows an entry that is none is hidden.
        ("1,7,0", [SECOND]),
    ],
)
def test_cards_are_numbered_as_cuda_does(visible: str | None, uuids: list[str]) -> None:
    gpus = visible_gpus(LISTING, visible)
    assert [gpu.uuid for gpu in gpus] == uuids
    assert [gpu.number for gpu in gpus] == list(range(len(uuids)))


def test_a_machine_without_the_driver_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert gpus_of_machine() == ()
    assert visible_gpus("", "0") == ()


TORCH: dict[str, Any] = {"kind": "torch", "network": {"kind": "mlp"}}
LIGHTGBM: dict[str, Any] = {"kind": "lightgbm"}


@pytest.mark.parametrize(
    ("train", "numbers"),
    [
        (TORCH, [0]),
        (TORCH | {"device": "cpu"}, []),
        (TORCH | {"device": "mps"}, []),
        (TORCH | {"device": "cuda:1"}, [1]),
        (TORCH | {"device": "cuda:2"}, []),
        (TORCH | {"device": "cuda", "workers": 2}, [0, 1]),
        (LIGHTGBM, []),
        (LIGHTGBM | {"device": "cuda"}, [0]),
        ({"kind": "sklearn", "estimator": {"kind": "ridge"}}, []),
        ({"kind": "ensemble", "members": [LIGHTGBM, TORCH, TORCH | {"device": "cuda:1"}]}, [0, 1]),
    ],
)
def test_a_training_works_on_the_cards_that_its_device_names(train: dict[str, Any], numbers: list[int]) -> None:
    checked: Any = TypeAdapter(Train).validate_python(train)
    gpus = (Gpu(number=0, uuid="a"), Gpu(number=1, uuid="b"))
    assert [gpu.number for gpu in gpus_of_training(checked, gpus)] == numbers
    assert gpus_of_training(checked, ()) == ()

"""What benchmarks/gpu.py trains: a small training of every network, and jobs of the shapes that it times."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from tasks.model_input.inputs import Block, Examples, Field, FieldKind, ModelInput, Spec
from tasks.params.augment import AugmentCategory, AugmentImage, AugmentNumber, AugmentText, Mix
from tasks.params.torch import TorchTrain
from tasks.trainers.base import Job
from tasks.trainers.torch.devices import own_random_numbers
from tasks.trainers.torch.state import Training
from tasks.trainers.torch.workers import ALONE

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
IS_GPU = DEVICE.type == "cuda"

FIELDS: dict[FieldKind, Field] = {
    "dense": Field(name="x", kind="dense", shape=(20,)),
    "category_index": Field(name="town", kind="category_index", shape=(9,), labels=tuple("abcdefghi")),
    "tokens": Field(name="note", kind="tokens", shape=(24,), vocabulary=500),
    "image": Field(name="scan", kind="image", shape=(3, 32, 32), factor=(1 / 64,) * 3, offset=(-2.0,) * 3),
    "audio": Field(name="call", kind="audio", shape=(1, 32, 40), factor=(1 / 64,), offset=(-2.0,)),
}
NETWORKS: dict[str, tuple[FieldKind, dict[str, Any]]] = {
    "mlp": ("dense", {"kind": "mlp", "hidden": [64, 64]}),
    "mlp-residual": ("dense", {"kind": "mlp", "style": "residual", "hidden": [64, 64]}),
    "mlp-tabm": ("dense", {"kind": "mlp", "style": "tabm", "hidden": [64], "members": 8}),
    "mlp-embedding": ("category_index", {"kind": "mlp", "hidden": [32], "embedding": 4}),
    "cnn": ("image", {"kind": "cnn", "channels": [16, 32]}),
    "cnn-residual": ("image", {"kind": "cnn", "style": "residual", "channels": [16, 32]}),
    "rnn": ("tokens", {"kind": "rnn", "cell": "rnn", "width": 32}),
    "gru": ("tokens", {"kind": "rnn", "cell": "gru", "width": 32}),
    "lstm": ("tokens", {"kind": "rnn", "cell": "lstm", "width": 32}),
    "transformer": ("tokens", {"kind": "transformer", "width": 32, "num_layers": 2, "num_heads": 4}),
    "vit": ("image", {"kind": "vit", "patch_size": 8, "width": 32, "num_layers": 2, "num_heads": 4}),
    "text_cnn": ("tokens", {"kind": "text_cnn", "channels": 16}),
    "audio_cnn": ("audio", {"kind": "audio_cnn", "channels": [8, 16]}),
}


def job(kind: FieldKind, num_rows: int, **changes: Any) -> Job:
    """Random rows of one column, of four classes."""
    spec = Spec(fields=(FIELDS[kind],), task="multiclass", classes=tuple("abcd"))
    made = Job(spec=spec, train=_examples(FIELDS[kind], num_rows), validation=_examples(FIELDS[kind], 32))
    return replace(made, **changes)


def training(of: Job, network: dict[str, Any], **settings: Any) -> Training:
    """On the device, before its first step."""
    given = {"kind": "torch", "network": network, "device": DEVICE.type, "schedule": "constant", **settings}
    config = TorchTrain.model_validate(given)
    with own_random_numbers(DEVICE, config.seed):
        return Training(of, config, DEVICE, ALONE)


def augmented_jobs(num_rows: int) -> dict[str, tuple[Job, dict[str, Any]]]:
    """A job for each change that rows go through on the batch, with a network for it."""
    from tasks.columns.category.augment import swapped
    from tasks.columns.image.augment import augment_images
    from tasks.columns.number.augment import jittered
    from tasks.columns.text.augment import augment_tokens

    images = {
        "turned": AugmentImage(rotate=10, shift=0.1, scale=0.1),
        "mirrored": AugmentImage(flip="horizontal"),
        "lit": AugmentImage(brightness=0.2, contrast=0.2),
        "erased": AugmentImage(erase=0.3),
    }
    changes: dict[str, tuple[FieldKind, Callable[..., Any]]] = {
        name: (
            "image",
            lambda block, generator, rows, settings=settings: augment_images(block, settings, generator, rows),
        )
        for name, settings in images.items()
    }
    changes["jittered"] = "dense", lambda block, gen, rows: jittered(block, AugmentNumber(jitter=0.1), gen, 1.0, rows)
    changes["swapped"] = "category_index", lambda block, gen, rows: swapped(block, AugmentCategory(swap=0.1), gen, rows)
    changes["dropped"] = (
        "tokens",
        lambda block, gen, rows: augment_tokens(block, AugmentText(drop=0.1, swap=0.1), gen, rows),
    )
    of_kind: dict[FieldKind, str] = {"image": "cnn", "dense": "mlp", "category_index": "mlp-embedding", "tokens": "gru"}
    jobs = {
        name: (job(kind, num_rows, augmentations={FIELDS[kind].name: change}), NETWORKS[of_kind[kind]][1])
        for name, (kind, change) in changes.items()
    }
    jobs |= {kind: (job("image", num_rows, mix=Mix(kind=kind)), NETWORKS["cnn"][1]) for kind in ("mixup", "cutmix")}
    return {"nothing": (job("image", num_rows), NETWORKS["cnn"][1]), **jobs}


def seconds(work: Callable[[], object]) -> float:
    """By the clock, until the device is done."""
    wait()
    since = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - since


def wait() -> None:
    """Until the device has done what was asked of it."""
    if IS_GPU:
        torch.cuda.synchronize()


def _examples(field: Field, num_rows: int) -> Examples:
    random = np.random.default_rng(num_rows)
    block: Block
    match field.kind:
        case "image" | "audio":
            block = random.integers(0, 256, (num_rows, *field.shape), dtype=np.uint8)
        case "category_index":
            block = random.integers(0, field.num_inputs, num_rows).astype(np.int32)
        case "tokens":
            block = random.integers(1, field.vocabulary, (num_rows, *field.shape)).astype(np.int32)
        case _:
            block = random.standard_normal((num_rows, *field.shape)).astype(np.float32)
    inputs = ModelInput(blocks={field.name: block}, num_rows=num_rows)
    return Examples(inputs=inputs, target=random.integers(0, 4, num_rows))

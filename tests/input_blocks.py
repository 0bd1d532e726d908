"""Columns of every kind of model input, and made-up blocks of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, random_array

from tasks.model_input.inputs import Block, Field, ModelInput, Spec

DENSE = Field(name="size", kind="dense", shape=(2,), labels=("size", "size missing"))
IMAGE = Field(name="scan", kind="image", shape=(3, 2, 4), factor=(0.5, 1.0, 2.0), offset=(0.0, -1.0, 1.0))
AUDIO = Field(name="call", kind="audio", shape=(1, 3, 5), factor=(1 / 255,), offset=(0.0,))
SPARSE = Field(name="note", kind="sparse", shape=(5,), labels=tuple("abcde"))
CATEGORY = Field(name="town", kind="category_index", shape=(3,), labels=("town=a", "town=b", "town=(other)"))
TOKENS = Field(name="words", kind="tokens", shape=(6,), vocabulary=300)
SPEC = Spec(fields=(DENSE, CATEGORY, IMAGE, AUDIO, SPARSE), task="binary", classes=("no", "yes"))


def block(field: Field, num_rows: int, seed: int = 0) -> Block:
    random = np.random.default_rng(seed)
    match field.kind:
        case "dense":
            return random.normal(size=(num_rows, *field.shape))
        case "image" | "audio":
            return random.integers(0, 256, (num_rows, *field.shape)).astype(np.uint8)
        case "category_index":
            return random.integers(0, field.num_inputs, num_rows).astype(np.int32)
        case "tokens":
            numbers = random.integers(1, field.vocabulary, (num_rows, *field.shape)).astype(np.int32)
            lengths = random.integers(0, field.shape[0] + 1, num_rows)
            return np.where(np.arange(field.shape[0]) < lengths[:, None], numbers, 0).astype(np.int32)
        case "sparse":
            entries = random_array((num_rows, *field.shape), density=0.3, rng=random, dtype=np.float32)
            return csr_matrix(entries)


def array(values: Block) -> np.ndarray[Any, Any]:
    plain = values.toarray() if hasattr(values, "toarray") else values
    assert isinstance(plain, np.ndarray)
    return plain


def same(first: Block, second: Block) -> bool:
    assert first.dtype == second.dtype
    assert first.shape == second.shape
    return bool(np.array_equal(array(first), array(second)))


def inputs(num_rows: int) -> ModelInput:
    return ModelInput(blocks={field.name: block(field, num_rows) for field in SPEC.fields}, num_rows=num_rows)

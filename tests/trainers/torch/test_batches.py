"""Each step's rows: every one once an epoch, in an order that depends on seed and epoch alone, held or streamed."""

from __future__ import annotations

import gc
import tempfile
import threading
import weakref
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import UserError
from tasks.model_input.block_columns import to_series
from tasks.model_input.example_parts import StoredExamples
from tasks.model_input.inputs import WEIGHT, Examples, Field, ModelInput, Spec
from tasks.tables import storage
from tasks.trainers.torch import streaming
from tasks.trainers.torch.batches import (
    Batches,
    Data,
    InMemoryBatches,
    StreamingBatches,
    TargetScale,
    make_batches,
    make_rows,
)
from tasks.trainers.torch.steps import EpochSteps

CPU = torch.device("cpu")
ROW = Field(name="row", kind="dense", shape=(2,), labels=("row", "half"))
SCAN = Field(name="scan", kind="image", shape=(1, 2, 2), factor=(1.0,), offset=(0.0,))
CLASSES = Spec(fields=(ROW, SCAN), task="multiclass", classes=("a", "b", "c"))
VALUES = Spec(fields=(ROW,), task="regression", classes=())
ROW_BYTES = 20

some_sizes = st.lists(st.integers(0, 9), min_size=1, max_size=7).filter(lambda sizes: sum(sizes) > 0)


def stored(folder: Path, sizes: list[int]) -> StoredExamples:
    """Rows 0, 1, ... in parts of these sizes; every block and the target tell which row it is."""
    parts, start = [], 0
    for size in sizes:
        rows = np.arange(start, start + size)
        start += size
        numbers = np.stack([rows, rows / 2], axis=1).astype(np.float64)
        scans = np.repeat(rows % 256, 4).reshape(-1, 1, 2, 2).astype(np.uint8)
        columns = [to_series("row", ROW, numbers), to_series("scan", SCAN, scans)]
        parts.append(pl.DataFrame([*columns, pl.Series("answer", rows % 3, dtype=pl.Int64)]))
    folder.mkdir(parents=True)
    for number, part in enumerate(parts):
        part.write_parquet(folder / f"part-{number:05d}.parquet")
    return StoredExamples(spec=CLASSES, target="answer", files=tuple(storage.part_files(folder)))


def batches(
    examples: Examples | StoredExamples, step_rows: int, max_bytes: int, seed: int = 0, min_rows: int = 2
) -> Batches:
    return make_batches(
        examples,
        CLASSES,
        TargetScale(),
        step_rows=step_rows,
        device=CPU,
        max_bytes=max_bytes,
        seed=seed,
        min_rows=min_rows,
    )


def rows_of(steps: Iterator[Data]) -> list[list[int]]:
    """Which rows each step has, checked to be whole: blocks and target are those of the same row."""
    found = []
    for data in steps:
        rows = data.blocks["row"][:, 0].to(torch.int64)
        assert len(data) == len(rows)
        assert torch.equal(data.blocks["row"][:, 1] * 2, data.blocks["row"][:, 0])
        assert torch.equal(data.blocks["scan"].flatten(1).to(torch.int64), (rows % 256)[:, None].expand(-1, 4))
        assert torch.equal(data.target, rows % 3)
        found.append(rows.tolist())
    return found


@given(
    sizes=some_sizes,
    step_rows=st.integers(1, 12),
    max_bytes=st.sampled_from([0, 300, 10**6]),
    min_rows=st.integers(1, 4),
    chunk_rows=st.sampled_from([1, 5, 100]),
    data=st.data(),
)
@settings(derandomize=True, deadline=None, max_examples=40)
def test_every_row_comes_once_and_an_epoch_goes_on_from_any_step(
    sizes: list[int], step_rows: int, max_bytes: int, min_rows: int, chunk_rows: int, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming, "_CHUNK_BYTES", chunk_rows * ROW_BYTES)
        made = batches(stored(Path(folder, "rows"), sizes), step_rows, max_bytes, min_rows=min_rows)
        steps = rows_of(made.epoch(3))
        assert sorted(chain.from_iterable(steps)) == list(range(sum(sizes)))
        assert len(steps) == made.num_steps
        assert all(len(rows) == step_rows for rows in steps[:-1])
        assert len(steps) == 1 or len(steps[-1]) >= min(min_rows, step_rows)
        first = data.draw(st.integers(0, made.num_steps))
        assert rows_of(made.epoch(3, first)) == steps[first:]


@pytest.mark.parametrize("max_bytes", [0, 600, 10**6])
def test_the_order_depends_on_seed_and_epoch_alone(tmp_path: Path, max_bytes: int) -> None:
    examples = stored(tmp_path / "rows", [20, 30, 10, 40])
    steps = rows_of(batches(examples, 8, max_bytes).epoch(0))
    again = batches(examples, 8, max_bytes)
    other = rows_of(again.epoch(1))
    assert rows_of(again.epoch(0)) == steps
    assert other != steps
    assert rows_of(batches(examples, 8, max_bytes, seed=1).epoch(0)) != steps


def test_what_is_small_is_held_and_what_is_large_is_streamed(tmp_path: Path) -> None:
    examples = stored(tmp_path / "rows", [20, 30])
    assert examples.num_bytes == 50 * ROW_BYTES
    assert isinstance(batches(examples, 8, 50 * ROW_BYTES), InMemoryBatches)
    assert isinstance(batches(examples, 8, 50 * ROW_BYTES - 1), StreamingBatches)
    assert isinstance(batches(examples.loaded(), 8, 0), InMemoryBatches)


def test_rows_in_memory_come_as_those_in_files_that_are_held(tmp_path: Path) -> None:
    examples = stored(tmp_path / "rows", [20, 30])
    expected = rows_of(batches(examples, 8, 10**6).epoch(2))
    assert rows_of(batches(examples.loaded(), 8, 0).epoch(2)) == expected


def test_a_step_mixes_all_parts_in_the_pool(tmp_path: Path) -> None:
    """Parts that hold one class each, as sorted sources leave them, do not come one class after the other."""
    examples = stored(tmp_path / "rows", [200] * 12)
    made = batches(examples, 50, max_bytes=2 * 5 * 200 * ROW_BYTES)
    assert isinstance(made, StreamingBatches)
    assert made.num_pooled == 5
    for rows in rows_of(made.epoch(0)):
        parts = np.bincount(np.array(rows) // 200, minlength=12)
        assert np.count_nonzero(parts) >= 4
        assert parts.max() <= 30


def test_the_pool_is_at_least_two_parts_and_never_more_than_there_are(tmp_path: Path) -> None:
    examples = stored(tmp_path / "rows", [20, 0, 30, 10])
    pooled = [batches(examples, 8, max_bytes).num_pooled for max_bytes in (0, 719)]
    assert pooled == [2, 2]
    assert batches(stored(tmp_path / "one", [20]), 8, 0).num_pooled == 1
    larger = stored(tmp_path / "more", [10] * 9)
    assert batches(larger, 8, 2 * 3 * 10 * ROW_BYTES).num_pooled == 3


def test_only_the_parts_of_the_pool_are_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = stored(tmp_path / "rows", [100] * 8)
    alive: weakref.WeakSet[torch.Tensor] = weakref.WeakSet()
    most = 0
    as_data = streaming.as_data

    def counted(spec: Spec, read: Examples, scale: TargetScale) -> Data:
        nonlocal most
        data = as_data(spec, read, scale)
        alive.add(data.blocks["scan"])
        most = max(most, len(alive))
        return data

    monkeypatch.setattr(streaming, "as_data", counted)
    assert len(rows_of(batches(examples, 16, 0).epoch(0))) == 50
    # Two in the pool, and one that is read ahead.
    assert 2 <= most <= 3
    assert not alive


def test_going_on_reads_only_the_parts_that_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = stored(tmp_path / "rows", [100] * 8)
    read: list[int] = []
    part = StoredExamples.part
    monkeypatch.setattr(StoredExamples, "part", lambda self, number: read.append(number) or part(self, number))
    made = batches(examples, 10, 0)
    assert len(rows_of(made.epoch(0, first=75))) == 5
    assert len(read) == 2


def test_no_thread_is_left_when_the_loop_ends_early(tmp_path: Path) -> None:
    examples = stored(tmp_path / "rows", [50] * 6)
    before = set(threading.enumerate())
    made = batches(examples, 10, 0)
    for _ in made.epoch(0):
        break
    steps = made.epoch(1)
    next(steps)
    del steps
    gc.collect()
    assert set(threading.enumerate()) <= before


def test_a_damaged_part_reaches_the_loop_by_name(tmp_path: Path) -> None:
    examples = stored(tmp_path / "rows", [50] * 4)
    made = batches(examples, 10, 0)
    rows = make_rows(examples, CLASSES, TargetScale(), CPU, 0, 16)
    examples.files[2].write_bytes(b"nothing")
    before = set(threading.enumerate())
    for ask in (lambda: list(made.epoch(0)), lambda: list(rows)):
        with pytest.raises(UserError, match=r"part-00002\.parquet: damaged"):
            ask()
    gc.collect()
    assert set(threading.enumerate()) <= before


def test_waiting_is_measured_where_something_is_waited_for(tmp_path: Path) -> None:
    examples = stored(tmp_path / "rows", [50] * 4)
    held, streamed = batches(examples, 10, 10**6), batches(examples, 10, 0)
    for made in (held, streamed):
        assert made.waited == 0
        list(made.epoch(0))
    assert held.waited == 0
    assert streamed.waited > 0


@given(sizes=some_sizes, batch_rows=st.integers(1, 20))
@settings(derandomize=True, deadline=None, max_examples=20)
def test_rows_in_order_come_in_the_same_slices_held_or_not(sizes: list[int], batch_rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        examples = stored(Path(folder, "rows"), sizes)
        every = list(range(sum(sizes)))
        expected = [every[start : start + batch_rows] for start in range(0, len(every), batch_rows)]
        for max_bytes in (0, 10**6):
            rows = make_rows(examples, CLASSES, TargetScale(), CPU, max_bytes, batch_rows)
            assert rows.num_rows == len(every)
            assert rows_of(iter(rows)) == expected
            assert rows_of(iter(rows)) == expected


def test_slices_begin_where_torch_begins_its_memory(tmp_path: Path) -> None:
    examples = stored(tmp_path / "rows", [33, 44])
    for max_bytes in (0, 10**6):
        for data in make_rows(examples, CLASSES, TargetScale(), CPU, max_bytes, 7):
            assert data.blocks["row"].data_ptr() % 64 == 0


def test_a_number_to_learn_is_standardized(tmp_path: Path) -> None:
    values = pl.DataFrame(
        [
            to_series("row", ROW, np.zeros((3, 2), dtype=np.float32)),
            pl.Series("y", [1e6, 1e6 + 1, 1e6 + 2], dtype=pl.Float32),
        ]
    )
    storage.write_parts(tmp_path / "rows", [values])
    examples = StoredExamples(spec=VALUES, target="y", files=tuple(storage.part_files(tmp_path / "rows")))
    rows = make_rows(examples, VALUES, TargetScale(mean=1e6 + 1, std=2.0), CPU, 0, 8)
    (data,) = rows
    assert data.target.dtype == torch.float32
    assert data.target.tolist() == [-0.5, 0.0, 0.5]


@pytest.mark.parametrize(
    ("num_rows", "step_rows", "min_rows", "expected"),
    [
        (10, 5, 2, [5, 5]),
        (11, 5, 2, [5, 6]),
        (12, 5, 2, [5, 5, 2]),
        (12, 5, 3, [5, 7]),
        (1, 5, 2, [1]),
        (3, 5, 4, [3]),
        (0, 5, 2, []),
        (6, 1, 2, [1, 1, 1, 1, 1, 1]),
    ],
)
def test_a_last_step_that_is_too_small_joins_the_one_before(
    num_rows: int, step_rows: int, min_rows: int, expected: list[int]
) -> None:
    steps = EpochSteps(num_rows=num_rows, step_rows=step_rows, min_rows=min_rows)
    assert list(steps.sizes()) == expected
    assert steps.num_steps == len(expected)
    assert list(steps.sizes(1)) == expected[1:]


@pytest.mark.parametrize("max_bytes", [0, 10**9], ids=["streamed", "held"])
def test_each_row_comes_with_its_own_weight(tmp_path: Path, max_bytes: int) -> None:
    """A row's weight is its number, so that both can be told to belong together wherever the row comes."""
    folder = stored(tmp_path / "rows", [7, 0, 9, 4]).files[0].parent
    start = 0
    for file in storage.part_files(folder):
        part = storage.read_part(file)
        numbers = pl.Series(WEIGHT, range(start, start + part.height), dtype=pl.Float64)
        part.with_columns(numbers).write_parquet(file)
        start += part.height
    examples = StoredExamples(spec=CLASSES, target="answer", files=tuple(storage.part_files(folder)))
    assert examples.weights().tolist() == list(range(20))
    pieces = [*batches(examples, 6, max_bytes).epoch(0)]
    pieces += make_rows(examples, CLASSES, TargetScale(), CPU, max_bytes, 6)
    assert len(pieces) == 8
    for piece in pieces:
        assert piece.weight.tolist() == piece.blocks["row"][:, 0].tolist()


@pytest.mark.parametrize("step_rows", [1, 7, 16, 64, 1000])
def test_a_step_begins_in_memory_where_vector_instructions_like_it_and_a_run_goes_on_with_the_same_rows(
    step_rows: int,
) -> None:
    """Rows of several steps are fetched at once: were a step's place in memory another one, so could its bits be."""
    examples = Examples(
        inputs=ModelInput(
            blocks={
                "row": np.stack([np.arange(500), np.arange(500) / 2], axis=1).astype(np.float32),
                "scan": np.repeat(np.arange(500) % 256, 4).reshape(-1, 1, 2, 2).astype(np.uint8),
            },
            num_rows=500,
        ),
        target=np.arange(500) % 3,
    )
    held = batches(examples, step_rows, 10**9)
    steps = list(held.epoch(3))
    assert all(tensor.data_ptr() % 64 == 0 for step in steps for tensor in step.tensors())
    assert sorted(chain(*rows_of(iter(steps)))) == list(range(500))
    for first in range(0, held.num_steps, 5):
        assert rows_of(held.epoch(3, first)) == rows_of(iter(steps[first:]))

"""Rows in files answer as the same rows in memory do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tasks.errors import UserError
from tasks.model_input.block_columns import from_series, read_examples, to_series
from tasks.model_input.example_parts import StoredExamples
from tasks.model_input.inputs import Examples, Field, Spec
from tasks.tables import storage
from tests.input_blocks import AUDIO, CATEGORY, DENSE, IMAGE, SPARSE, TOKENS, array, block

FIELDS = (DENSE, CATEGORY, IMAGE, AUDIO, SPARSE, TOKENS)
SPEC = Spec(fields=FIELDS, task="binary", classes=("no", "yes"))


def stored(folder: Path, sizes: tuple[int, ...] = (5, 1, 7), fields: tuple[Field, ...] = FIELDS) -> StoredExamples:
    parts = []
    for number, num_rows in enumerate(sizes):
        columns = [to_series(field.name, field, block(field, num_rows, number)) for field in fields]
        target = pl.Series("answer", np.arange(num_rows) % 2, dtype=pl.Int64)
        parts.append(pl.DataFrame([*columns, target, pl.Series("fold", np.zeros(num_rows, dtype=np.int32))]))
    storage.write_parts(folder, parts)
    spec = Spec(fields=fields, task="binary", classes=("no", "yes"))
    return StoredExamples(spec=spec, target="answer", files=tuple(storage.part_files(folder)))


def in_memory(examples: StoredExamples, folder: Path) -> Examples:
    return read_examples(examples.spec, "answer", storage.read_parts(folder))


def same(first: Examples, second: Examples) -> bool:
    assert first.target.dtype == second.target.dtype
    blocks = zip(first.inputs.blocks.values(), second.inputs.blocks.values(), strict=True)
    return np.array_equal(first.target, second.target) and all(np.array_equal(array(a), array(b)) for a, b in blocks)


def test_loaded_they_are_what_read_examples_gives(tmp_path: Path) -> None:
    examples = stored(tmp_path / "rows")
    expected = in_memory(examples, tmp_path / "rows")
    assert same(examples.loaded(), expected)
    assert same(examples.loaded(), expected.loaded())
    assert np.array_equal(examples.targets(), expected.targets())
    assert examples.num_rows == expected.num_rows == 13


def test_parts_are_the_files_in_order(tmp_path: Path) -> None:
    examples = stored(tmp_path / "rows")
    parts = list(examples.parts())
    assert [part.num_rows for part in parts] == list(examples.part_rows) == [5, 1, 7]
    for field in FIELDS:
        whole = array(examples.loaded().inputs.blocks[field.name])
        assert np.array_equal(np.concatenate([array(part.inputs.blocks[field.name]) for part in parts]), whole)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.kind)
def test_the_size_is_known_before_anything_is_loaded(tmp_path: Path, field: Field) -> None:
    examples = stored(tmp_path / "rows", fields=(field,))
    assert examples.num_bytes == examples.loaded().num_bytes


def test_rows_in_memory_are_a_single_part_of_themselves(tmp_path: Path) -> None:
    examples = stored(tmp_path / "rows").loaded()
    assert examples.loaded() is examples
    assert list(examples.parts()) == [examples]
    assert examples.targets() is examples.target


def test_a_table_without_rows_has_none(tmp_path: Path) -> None:
    examples = stored(tmp_path / "rows", sizes=(0,), fields=(DENSE, IMAGE))
    assert (examples.num_rows, examples.num_bytes, len(examples.targets())) == (0, 0, 0)
    assert examples.loaded().inputs.blocks["scan"].shape == (0, 3, 2, 4)


def test_counts_come_from_footers_and_targets_from_their_column_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = stored(tmp_path / "rows", fields=(IMAGE, TOKENS))
    read: list[tuple[str, ...]] = []
    read_part = storage.read_part
    monkeypatch.setattr(storage, "read_part", lambda file, names: read.append(tuple(names)) or read_part(file, names))
    assert examples.num_rows == 13
    assert examples.num_bytes > 0
    assert read == []
    examples.targets()
    assert read == [("answer",)] * 3


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    examples = stored(tmp_path / "rows")
    assert examples.num_rows == 13
    examples.files[1].write_bytes(b"PAR1 and nothing else")
    for ask in (examples.loaded, examples.targets, lambda: list(examples.parts())):
        with pytest.raises(UserError, match=r"part-00001\.parquet: damaged"):
            ask()


def test_only_what_the_spec_names_is_read(tmp_path: Path) -> None:
    examples = stored(tmp_path / "rows", fields=(DENSE, IMAGE))
    fewer = StoredExamples(
        spec=Spec(fields=(DENSE,), task="binary", classes=("no", "yes")), target="answer", files=examples.files
    )
    assert list(fewer.part(0).inputs.blocks) == ["size"]
    values = from_series(DENSE, storage.read_part(examples.files[0])["size"])
    assert np.array_equal(fewer.part(0).inputs.blocks["size"], values)

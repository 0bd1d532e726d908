from __future__ import annotations

from collections import Counter

import polars as pl
import pytest

from tasks.errors import UserError
from tasks.params.split import HashSplit
from tasks.paths import Part
from tasks.splitting.base import Read
from tasks.splitting.checks import check_classes, check_parts
from tasks.splitting.key import Key
from tests.splitting.rows import assigned, many

NO, YES = {"no": 70}, {"yes": 7}


def counts(train: dict[str, int], validation: dict[str, int], test: dict[str, int]) -> dict[Part, Counter[str]]:
    return {"train": Counter(train), "validation": Counter(validation), "test": Counter(test)}


def refusal(of: dict[Part, Counter[str]], kind: str = "hash") -> str:
    with pytest.raises(UserError) as caught:
        check_classes(of, "label", kind)
    return str(caught.value)


def test_parts_with_both_classes_pass() -> None:
    check_classes(counts(NO | YES, NO | YES, NO | YES), "label", "hash")


@pytest.mark.parametrize("lacking", ["train", "validation", "test"])
def test_one_of_two_classes_is_in_every_part(lacking: str) -> None:
    parts = {part: NO | (YES if part != lacking else {}) for part in ("train", "validation", "test")}
    message = refusal(counts(**parts))
    assert message.startswith(
        f"split: class 'yes' of label is missing from {lacking}; write counts of rows in place of"
    )
    assert "where it is another spelling of a class, write clean.columns.label.replace" in message


def test_of_many_classes_train_has_all_and_the_test_need_not() -> None:
    check_classes(counts(NO | YES | {"perhaps": 2}, NO | YES, NO | YES), "label", "hash")
    assert "class 'perhaps' of label is missing from train" in refusal(
        counts(NO | YES, NO | YES, NO | YES | {"perhaps": 2})
    )


@pytest.mark.parametrize(
    ("kind", "cure"),
    [
        ("hash", "`split: {validation: 77, test: 70}`"),
        ("group", "bring more groups with it, or try another split.seed"),
        ("time", "such as `split: {kind: hash}`"),
        ("given", "correct the column that names the parts"),
    ],
)
def test_the_cure_is_that_of_the_kind(kind: str, cure: str) -> None:
    assert cure in refusal(counts(NO | YES, NO | YES, NO), kind)


def test_a_class_of_one_row() -> None:
    message = refusal(counts(NO | {"yes": 1}, NO, NO))
    assert message.startswith("split: class 'yes' of label has one row only, which cannot be both learnt from and")


def test_one_class_only() -> None:
    assert refusal(counts(NO, NO, NO)) == "split: there is one class of label only; bring rows of another class"


EMPTY: dict[Part, int] = {"train": 10, "validation": 2, "test": 0}


def with_keys(num_keys: int) -> tuple[Key, Read]:
    rows = pl.DataFrame({"region": [f"r{number % num_keys}" for number in range(12)]})
    return Key(("region",), ("region",)), lambda _: iter([rows[:5], rows[5:]])


def test_an_empty_part() -> None:
    with pytest.raises(UserError, match=r"split: no row falls into test \(12 rows in all\); bring more rows"):
        check_parts(EMPTY, "hash", *with_keys(12))


def test_where_keys_are_few_neither_more_rows_nor_another_seed_is_the_cure() -> None:
    with pytest.raises(
        UserError, match=r"\(12 rows in all, of 2 different keys\); rows of the same region stay"
    ) as caught:
        check_parts(EMPTY, "hash", *with_keys(2))
    assert "seed" not in str(caught.value)
    assert "name columns in split.key that tell rows apart, such as an id, or leave it out; " in str(caught.value)
    # The advice, followed: of 2 keys each part has rows then.
    assert "`split: {repeats: apart}`" in str(caught.value)
    rows = many(60, num_groups=2)
    parts = assigned(HashSplit(key=("who",), repeats="apart"), [rows])
    assert set(parts.values()) == {"train", "validation", "test"}

"""What a split must not leave behind: an empty part, or a class that train does not know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from tasks.errors import UserError
from tasks.params.split import Split
from tasks.paths import PARTS, Part
from tasks.tables.dataset import Dataset

_EMPTY: Mapping[str, str] = {
    "hash": "bring more rows, or change the shares or the seed under split",
    "group": "bring rows of more groups, write counts of rows in place of shares (then no part is empty), or try "
    "another split.seed",
    "time": "bring more rows",
    "given": "bring more rows, or correct the column that names the parts",
}
"""What to do when a part has no row, by kind."""

_UNKNOWN: Mapping[str, str] = {
    "hash": "bring more rows of it, take it out of the source, or try another split.seed",
    "group": "bring more groups with it, take it out of the source, or try another split.seed",
    "time": "it came up late: make split.validation and split.test smaller, take it out of the source, or split "
    "another way, such as `split: {kind: hash}`",
    "given": "bring more rows of it, take it out of the source, or correct the column that names the parts",
}
"""What to do when train has no row of a class, by kind."""


def check_parts(
    num_rows: Mapping[Part, int], counts: Mapping[Part, Counter[str]], dataset: Dataset, config: Split
) -> None:
    """Raises UserError when a part is empty, a class is missing from train, or there is nothing to tell apart."""
    # Before classes: an empty part has none, and needs another cure.
    for part in PARTS:
        if num_rows[part] == 0:
            raise UserError(
                f"split: no row falls into {part} ({sum(num_rows.values()):,} rows in all); {_EMPTY[config.kind]}"
            )
    if dataset.task != "regression":
        _check_classes(counts, dataset.target.name, config.kind)


def _check_classes(counts: Mapping[Part, Counter[str]], target: str, kind: str) -> None:
    for class_name, num_in_all in sorted(sum(counts.values(), Counter[str]()).items()):
        # Asked over all parts, as no seed can help such a class.
        if num_in_all == 1:
            raise UserError(
                f"split: class {class_name!r} of {target} has one row only, which cannot be both learnt "
                "from and tested on; bring more rows of it, or take it out of the source"
            )
    # Sorted, so that the message names the same class in every run.
    for class_name in sorted(set(counts["validation"]) | set(counts["test"])):
        if class_name not in counts["train"]:
            raise UserError(
                f"split: class {class_name!r} of {target} is missing from train; {_UNKNOWN[kind]}; where it is another "
                f"spelling of a class, write clean.columns.{target}.replace"
            )
    if len(counts["train"]) < 2:
        raise UserError(f"split: train holds one class of {target} only; bring rows of another class")

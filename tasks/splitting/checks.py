"""What a split must not leave behind: an empty part, or a class that a part would have to know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from tasks.errors import UserError
from tasks.paths import PARTS, Part
from tasks.splitting.base import Read
from tasks.splitting.key import Key

_EMPTY: Mapping[str, str] = {
    "hash": "bring more rows, or change the shares or the seed under split",
    "group": "bring rows of more groups, write counts of rows in place of shares (then no part is empty), or try "
    "another split.seed",
    "time": "bring more rows",
    "given": "bring more rows, or correct the column that names the parts",
}
"""What to do when a part has no row, by kind."""

_FEW_KEYS = 40
"""With 40 keys, 0.15 of them by hash leave a part empty in 3 of 1,000 cases (2 * 0.85 ** 40)."""

_LACKING: Mapping[str, str] = {
    "hash": "write counts of rows in place of shares, so that each class has rows in each part "
    "(`split: {{validation: {validation}, test: {test}}}`), or bring more rows of it",
    "group": "bring more groups with it, or try another split.seed",
    "time": "make split.validation or split.test larger where they lack it and smaller where train does, or split "
    "another way, such as `split: {{kind: hash}}`",
    "given": "bring more rows of it, or correct the column that names the parts",
}
"""What to do when a part has no row of a class, by kind."""


def check_parts(num_rows: Mapping[Part, int], kind: str, key: Key, read: Read) -> None:
    """Raises UserError when a part is empty; `num_rows` are those that have a target."""
    # Before classes: an empty part has none, and needs another cure.
    for part in PARTS:
        if num_rows[part] == 0:
            num_keys = key.num_distinct(read)
            # Neither more rows nor another seed helps where rows have next to no different keys.
            few = num_keys < min(_FEW_KEYS, sum(num_rows.values())) and kind in ("hash", "given")
            counted = f", of {num_keys:,} different keys" if few else ""
            cure = _few_keys(key, kind) if few else _EMPTY[kind]
            raise UserError(
                f"split: no row falls into {part} ({sum(num_rows.values()):,} rows in all{counted}); {cure}"
            )


def _few_keys(key: Key, kind: str) -> str:
    events = "; where equal rows are events of their own, `split: {repeats: apart}` and `clean: {duplicates: keep}`"
    return (
        f"rows of the same {' and '.join(key.names)} stay together: name columns in split.key that tell rows apart, "
        f"such as an id, or leave it out{events if kind == 'hash' else ''}"
    )


def check_fold(counts: Mapping[Part, Counter[str]], target: str) -> None:
    """Refuses a fold whose training rows lack a class; `counts` are as below. Raises UserError."""
    lacking = sorted(sum(counts.values(), Counter[str]()).keys() - counts["train"].keys())
    if lacking:
        raise UserError(
            f"class {lacking[0]!r} of {target} is missing from the other folds; make split.folds smaller, bring more "
            f"rows of it, or merge it with another class: clean.columns.{target}.replace"
        )


def check_classes(counts: Mapping[Part, Counter[str]], target: str, kind: str) -> None:
    """Refuses parts by which classes cannot be learnt or told apart; `counts` are rows of each class in each part.

    Raises UserError when a class has one row only, when it is missing from train, and when one of two classes is
    missing from any part: most metrics of two classes are undefined there, while those of many get by without one.
    """
    in_all = sum(counts.values(), Counter[str]())
    for class_name, num_rows in sorted(in_all.items()):
        # Asked over all parts, as no seed can help such a class.
        if num_rows == 1:
            raise UserError(
                f"split: class {class_name!r} of {target} has one row only, which cannot be both learnt from and "
                f"tested on; bring more rows of it, take it out of the source, or merge it with another class: "
                f"clean.columns.{target}.replace"
            )
    if len(in_all) < 2:
        raise UserError(f"split: there is one class of {target} only; bring rows of another class")
    for part in PARTS if len(in_all) == 2 else PARTS[:1]:
        # Sorted, so that the message names the same class in every run.
        for class_name in sorted(in_all.keys() - counts[part].keys()) if counts[part] else []:
            sizes = {name: max(counts[name].total(), 1) for name in PARTS}
            raise UserError(
                f"split: class {class_name!r} of {target} is missing from {part}; {_LACKING[kind].format(**sizes)}; "
                f"where it is another spelling of a class, write clean.columns.{target}.replace"
            )

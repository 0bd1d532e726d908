"""Tables of any types, sizes and gaps, and settings of the data stages that may or may not fit them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

import numpy as np
import polars as pl
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tasks.columns import column_type
from tasks.params.augment import Augment
from tasks.params.clean import Clean
from tasks.params.config import ColumnTypeName
from tasks.params.normalize import Normalize
from tasks.params.split import Split
from tasks.tables.dataset import Dataset
from tests.small_tables import Kind, described, image
from tests.sounds import tone

PICTURES = [
    image([[0, 255], [100, 200]]),
    image(np.arange(24, dtype=np.uint8).reshape(4, 2, 3)),
    image([[7, 7], [7, 7]]),
    b"no picture",
]
SOUNDS = [tone(440, seconds=0.05), tone(900, seconds=0.03, rate=11_025), tone(50, loudness=0), b"no sound"]

VALUES: Mapping[ColumnTypeName, st.SearchStrategy[Any]] = {
    "number": st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0, 1.0, 1e300]),
    "category": st.sampled_from(["red", "Red ", "blue", "", "ﬁne", "(rare)", "$5", "$7"]) | st.text(max_size=3),
    "boolean": st.booleans(),
    "text": st.sampled_from(["a red rose", "a red  rose ", "5 kg", "7 kg"])
    | st.text("ab é🎉", min_size=1, max_size=30),
    "timestamp": st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)),
    "image": st.sampled_from(PICTURES[:-2]),
    "audio": st.sampled_from(SOUNDS[:-2]),
}
FAULTY: Mapping[ColumnTypeName, Sequence[Any]] = {
    "number": [float("inf"), float("-inf")],
    "text": ["", " \t"],
    "image": PICTURES[-2:],
    "audio": SOUNDS[-2:],
}
ROLES = st.sampled_from(["feature"] * 6 + ["id", "group", "time", "sensitive"])


@dataclass(frozen=True)
class Table:
    """Rows with what ingest would have said of them; the column `number` says which row it was."""

    dataset: Dataset
    rows: pl.DataFrame


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """One to eighty rows of one to five columns and a target, some of them again."""
    kinds: dict[str, Kind] = {}
    for number in range(draw(st.integers(1, 5))):
        kinds[f"x{number}"] = (draw(st.sampled_from(sorted(VALUES))), draw(ROLES))
    kinds["x0"] = (kinds["x0"][0], "feature")
    task = draw(st.sampled_from(["binary", "multiclass", "regression"]))
    kinds["y"] = ("number" if task == "regression" else "category", "target")
    num_rows = draw(st.sampled_from([80, 60, 40, 70, 50, 60, 10, 3, 1]))
    random = draw(st.randoms(use_true_random=False))
    data = {name: _column(draw, random, name, kind, num_rows) for name, (kind, _) in kinds.items() if name != "y"}
    # Cells may be few and the same, so a number of its own keeps most rows apart.
    kinds["z"] = ("number", "feature")
    data["z"] = pl.Series([float(random.randrange(200)) for _ in range(num_rows)])
    classes = {"binary": ["a", "b"], "multiclass": ["a", "b", "c"], "regression": [0.5, -1e6, 3.0]}[task]
    data["y"] = pl.Series([random.choice(classes) for _ in range(num_rows)])
    again = draw(st.lists(st.integers(0, num_rows - 1), max_size=4))
    rows = pl.DataFrame(data)
    rows = pl.concat([rows, rows[again]]) if again else rows
    numbers = pl.Series("number", range(rows.height)).cast(pl.String)
    dataset = described({**kinds, "number": ("category", "id")}, task=task, num_rows=rows.height)
    return Table(dataset, rows.with_columns(numbers))


def _column(draw: st.DrawFn, random: Random, name: str, kind: ColumnTypeName, num_rows: int) -> pl.Series:
    """Cells out of a handful of values; some are missing, all are, or one in twenty is of no use."""
    pool = draw(st.lists(VALUES[kind], min_size=1, max_size=8))
    missing = draw(st.sampled_from([0.0, 0.0, 0.0, 0.3, 0.3, 1.0]))
    if kind in ("image", "audio", "text"):  # where a missing one makes the row go
        missing = min(missing, 0.3)
    faulty = FAULTY.get(kind, ()) if draw(st.booleans()) else ()

    def cell() -> Any:
        if random.random() < missing:
            return None
        return random.choice(faulty) if faulty and random.random() < 0.05 else random.choice(pool)

    return pl.Series(name, [cell() for _ in range(num_rows)], dtype=column_type(kind).dtype)


ACTIONS = st.sampled_from(["keep", "flag", "quarantine"])
CLEANS: st.SearchStrategy[Clean] = st.fixed_dictionaries(
    {},
    optional={
        "duplicates": st.sampled_from(["keep", "quarantine"]),
        "conflicts": ACTIONS,
        "near_duplicates": st.fixed_dictionaries({"image": ACTIONS, "text": ACTIONS}),
        "category": st.fixed_dictionaries(
            {"case": st.sampled_from(["keep", "lower", "upper", "merge"]), "rare": st.sampled_from([0.0, 0.2])}
        ),
        "number": st.fixed_dictionaries(
            {
                "outliers": st.fixed_dictionaries(
                    {
                        "method": st.sampled_from(["iqr", "mad", "isolation_forest"]),
                        "action": st.sampled_from(["flag", "quarantine"]),
                    }
                )
            }
        ),
        "labels": st.fixed_dictionaries({"suspicious": ACTIONS}),
        "image": st.fixed_dictionaries({"blank": ACTIONS}),
        "audio": st.fixed_dictionaries({"silent": ACTIONS}),
    },
).map(lambda settings: Clean.model_validate({"max_quarantined": 0.99, **settings}))

SPLITS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"kind": "hash", "validation": 0.3, "test": 0.3},
        {"kind": "hash", "validation": 0.3, "test": 0.3, "folds": 2},
        {"kind": "hash", "validation": 2, "test": 3},
        {"kind": "hash", "validation": 0.2, "test": 0.2},
        {"kind": "group", "validation": 0.3, "test": 0.3},
        {"kind": "time", "validation": 0.3, "test": 0.3},
    ]
)

NORMALIZES: st.SearchStrategy[Normalize] = st.fixed_dictionaries(
    {
        # Of the first image and clip where nothing is said: then the order of rows has a meaning.
        "image": st.just({"height": 3, "width": 2, "channels": 1}),
        "audio": st.just({"rate": 4_000, "seconds": 0.05, "n_mels": 4}),
    },
    optional={
        "number": st.fixed_dictionaries(
            {
                "scale": st.sampled_from(
                    ["standard", "min_max", "symmetric", "robust", "quantile", "log", "power", "none"]
                ),
                "impute": st.sampled_from(["mean", "median", "most_frequent", "constant", "zero"]),
                "indicator": st.booleans(),
            }
        ),
        "category": st.fixed_dictionaries(
            {
                "encode": st.sampled_from(["one_hot", "ordinal", "target", "hashed"]),
                "impute": st.sampled_from(["missing", "most_frequent", "constant"]),
            }
        ),
        "text": st.sampled_from([{"min_documents": 1}, {"min_documents": 1, "ngrams": [1, 1]}]),
    },
).map(Normalize.model_validate)

AUGMENTS: st.SearchStrategy[Augment] = st.sampled_from(
    [
        {},
        {},
        {"copies": 1, "number": {"jitter": 0.1}},
        {"copies": 2, "text": {"drop": 0.3, "typo": 0.3}},
        {"copies": 1, "category": {"swap": 0.5}},
        {"balance": "repeat"},
        {"balance": "smote"},
        {"image": {"rotate": 10, "flip": "horizontal"}},
        {"copies": 1, "audio": {"gain": 6, "shift": 0.1}},
    ]
).map(Augment.model_validate)


@st.composite
def configs(draw: st.DrawFn, table: Table, cleans: st.SearchStrategy[Clean] = CLEANS) -> Any:
    """Settings of the four stages; what needs a role or a type that is not there is mostly left out."""
    careless = draw(st.integers(0, 9)) == 9
    settings = draw(SPLITS)
    roles = {column.role for column in table.dataset.columns}
    if settings["kind"] != "hash" and settings["kind"] not in roles and not careless:
        settings = {**settings, "kind": "hash"}
    changes = draw(AUGMENTS)
    types = {column.type for column in table.dataset.features}
    named = {name for name in ("image", "text", "audio", "number", "category") if getattr(changes, name) is not None}
    if not named <= types and not careless:
        changes = Augment()
    return TypeAdapter(Split).validate_python(settings), draw(cleans), draw(NORMALIZES), changes

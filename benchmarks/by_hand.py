"""What a good script would do in place of the four data stages: what benchmarks/data.py compares them with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

NUMBERS = [*(f"x{number}" for number in range(8)), *(f"whole{number}" for number in range(3))]
CATEGORIES = [f"kind{number}" for number in range(5)]
CONTENT = [*NUMBERS, *CATEGORIES, "flag", "when", "label"]
PARTS = ("train", "validation", "test")


class Pandas:
    """Whole tables in pandas, and scikit-learn's ColumnTransformer with sparse one-hot columns."""

    def __init__(self, folder: Path) -> None:
        import pandas as pd
        import sklearn.compose
        import sklearn.impute
        import sklearn.model_selection
        import sklearn.preprocessing  # noqa: F401

        self._folder, self._pd = folder, pd
        self._rows: Any = None
        self._parts: dict[str, Any] = {}

    def stages(self) -> dict[str, Callable[[], Any]]:
        """The four steps, in order."""
        return {"validate": self.validate, "clean": self.clean, "split": self.split, "normalize": self.normalize}

    def validate(self) -> None:
        """Ranges, gaps and sets as a drafted suite has them."""
        rows = self._pd.read_parquet(self._folder / "raw")
        bad = rows["label"].isna()
        for name in NUMBERS:
            low, high = rows[name].min(), rows[name].max()
            bad |= ~rows[name].isna() & ~rows[name].between(low - (high - low) / 2, high + (high - low) / 2)
        for name in CATEGORIES:
            bad |= ~rows[name].isin(rows[name].unique())
        self._rows = rows[~bad]

    def clean(self) -> None:
        """White space, infinities, missing targets, exact duplicates."""
        rows = self._rows
        for name in (*CATEGORIES, "label"):
            rows[name] = rows[name].str.strip()
        rows = rows.replace([float("inf"), float("-inf")], None).dropna(subset=["label"])
        self._rows = rows.drop_duplicates(subset=CONTENT)

    def split(self) -> None:
        """Stratified at random."""
        from sklearn.model_selection import train_test_split

        rest, test = train_test_split(self._rows, test_size=0.15, stratify=self._rows["label"], random_state=0)
        train, validation = train_test_split(rest, test_size=0.15 / 0.85, stratify=rest["label"], random_state=0)
        self._parts, self._rows = {"train": train, "validation": validation, "test": test}, None

    def normalize(self) -> None:
        """Standardized numbers with indicators, one-hot categories, parts of the timestamp; written as sparse files."""
        from scipy.sparse import csr_matrix, save_npz
        from sklearn.compose import ColumnTransformer
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

        transformer = ColumnTransformer(
            [
                ("numbers", make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), NUMBERS),
                ("kinds", OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=100), CATEGORIES),
                ("when", make_pipeline(FunctionTransformer(_calendar), StandardScaler()), ["when"]),
                ("flag", "passthrough", ["flag"]),
            ]
        )
        transformer.fit(self._parts["train"])
        for part, rows in self._parts.items():
            save_npz(self._folder / f"by-hand-{part}.npz", csr_matrix(transformer.transform(rows)), compressed=False)


def _calendar(frame: Any) -> Any:
    import numpy as np

    times = frame["when"].dt
    circles = [(times.month, 12), (times.weekday, 7), (times.hour, 24)]
    angles = [2 * np.pi * part.to_numpy() / period for part, period in circles]
    elapsed = frame["when"].astype("int64").to_numpy()
    return np.column_stack([elapsed, *(np.sin(angle) for angle in angles), *(np.cos(angle) for angle in angles)])


class Polars:
    """Whole tables in polars; categories become codes, as they would for an embedding or a tree."""

    def __init__(self, folder: Path) -> None:
        import polars as pl

        self._folder, self._pl = folder, pl
        self._rows: Any = None

    def stages(self) -> dict[str, Callable[[], Any]]:
        """The four steps, in order."""
        return {"validate": self.validate, "clean": self.clean, "split": self.split, "normalize": self.normalize}

    def validate(self) -> None:
        """Ranges, gaps and sets as a drafted suite has them."""
        pl = self._pl
        rows = pl.read_parquet(self._folder / "raw" / "*.parquet")
        fine = pl.col("label").is_not_null()
        for name in NUMBERS:
            low, high = rows[name].min(), rows[name].max()
            slack = (high - low) / 2
            fine &= pl.col(name).is_between(low - slack, high + slack).fill_null(value=True)
        for name in CATEGORIES:
            fine &= pl.col(name).is_in(rows[name].unique().to_list())
        self._rows = rows.filter(fine)

    def clean(self) -> None:
        """White space, infinities, missing targets, exact duplicates."""
        pl = self._pl
        rows = self._rows.with_columns(pl.col(*CATEGORIES, "label").str.strip_chars())
        rows = rows.filter(pl.all_horizontal(pl.col(NUMBERS).is_finite().fill_null(value=True)))
        self._rows = rows.unique(subset=CONTENT, keep="first", maintain_order=True)

    def split(self) -> None:
        """By a hash of the row."""
        pl = self._pl
        place = pl.struct(CONTENT).hash() % 100
        part = pl.when(place < 15).then(pl.lit("test")).when(place < 30).then(pl.lit("validation"))
        self._rows = self._rows.with_columns(part.otherwise(pl.lit("train")).alias("part"))

    def normalize(self) -> None:
        """Standardized numbers with indicators, codes for categories, parts of the timestamp; written as Parquet."""
        pl = self._pl
        train = self._rows.filter(part="train")
        columns = []
        for name in NUMBERS:
            mean, deviation = train[name].mean(), train[name].std()
            columns.append(((pl.col(name).fill_null(mean) - mean) / deviation).cast(pl.Float32))
            if train[name].null_count():
                columns.append(pl.col(name).is_null().cast(pl.Float32).alias(f"{name} missing"))
        for name in CATEGORIES:
            known = train[name].value_counts(sort=True)[name].head(100)
            codes = pl.Series(range(len(known)), dtype=pl.UInt16)
            columns.append(pl.col(name).replace_strict(known, codes, default=len(known), return_dtype=pl.UInt16))
        columns += _calendar_columns(pl, train)
        columns += [pl.col("flag").cast(pl.Float32), (pl.col("label") == "yes").cast(pl.Int64)]
        for part in PARTS:
            chosen = self._rows.filter(part=part).select(columns)
            chosen.write_parquet(self._folder / f"by-hand-{part}.parquet", compression_level=1)


def _calendar_columns(pl: Any, train: Any) -> list[Any]:
    seconds = train["when"].to_physical()
    when = pl.col("when").dt
    found = [((pl.col("when").to_physical() - seconds.mean()) / seconds.std()).cast(pl.Float32).alias("elapsed")]
    for name, part, period in (("month", when.month(), 12), ("weekday", when.weekday(), 7), ("hour", when.hour(), 24)):
        angle = part * (2 * 3.141592653589793 / period)
        found += [angle.sin().cast(pl.Float32).alias(f"{name} sin"), angle.cos().cast(pl.Float32).alias(f"{name} cos")]
    return found

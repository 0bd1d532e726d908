"""Labels that come after the answers: joined by row key, corrected as often as need be, and none lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from tasks import files
from tasks.columns import column_type
from tasks.prediction_log.row_keys import sampled
from tasks.repair.repair import repaired
from tasks.tables.dataset import Column

UNREADABLE, CONTRADICTED, UNKNOWN = "unreadable label", "contradicted", "unknown row"


@dataclass(frozen=True, kw_only=True)
class SortedLabels:
    """What the rows of a file came to: each is new, a correction, known already, outside the sample, or in quarantine.

    `kept` [K] are `row_key` and `label` of the new ones and the corrections; `reasons` [N] say why a row goes to
    quarantine, missing for all others.
    """

    kept: pl.DataFrame
    reasons: pl.Series
    num_new: int
    num_corrected: int
    num_repeated: int
    num_unsampled: int

    @property
    def rules(self) -> dict[str, int]:
        """The rows in quarantine, by their rule."""
        return dict(Counter(self.reasons.drop_nulls().to_list()))


def read_labels(cells: pl.Series, target: Column, classes: Sequence[str]) -> pl.Series:
    """The labels as text or numbers, [N], put right as `clean` did; missing where a cell is no label of the model."""
    of_type, present = column_type(target.type), target.dialect.without_missing(cells)
    values = of_type.read(present, target.dialect) if cells.dtype == pl.String else of_type.cast(present)
    values = repaired(values, target.repair).alias("label")
    if not classes:
        numbers = values.cast(pl.Float64, strict=False)
        return numbers.set((~numbers.is_finite()).fill_null(value=False), None)
    text = _as_class(values)
    return text.set((~text.is_in([*classes])).fill_null(value=False), None)


def _as_class(values: pl.Series) -> pl.Series:
    """As classes are named: of a boolean in lower case, and whole numbers without a point."""
    return values.cast(pl.String) if values.dtype == pl.Boolean else column_type("category").cast(values)


def sort_labels(
    keys: pl.Series, labels: pl.Series, logged: pl.Series, known: pl.DataFrame, share: float
) -> SortedLabels:
    """What becomes of labels [N] of rows with these keys, where `logged` are the keys of the rows that were kept.

    `known` has the newest label of each row (`newest_labels`). Of rows that a file has several times, equal labels
    count once; others contradict each other, and all of them go to quarantine. A row outside the sample of this share
    has no place to go, and is no mistake.
    """
    rows = pl.DataFrame([keys.alias("row_key"), labels.alias("label")]).with_row_index("row")
    rows = rows.with_columns(
        pl.Series("is_sampled", sampled(keys, share)),
        is_logged=pl.col("row_key").is_in(logged.implode()),
        is_contradicted=pl.col("label").drop_nulls().n_unique().over("row_key") > 1,
        is_repeated=~pl.struct("row_key", "label").is_first_distinct(),
    )
    reason = (
        pl.when(pl.col("label").is_null())
        .then(pl.lit(UNREADABLE))
        .when(pl.col("is_contradicted"))
        .then(pl.lit(CONTRADICTED))
        .when(~pl.col("is_logged") & pl.col("is_sampled"))
        .then(pl.lit(UNKNOWN))
    )
    rows = rows.with_columns(reason=reason).join(
        known.select("row_key", before="label"), on="row_key", how="left", maintain_order="left"
    )
    usable = rows.filter(pl.col("reason").is_null())
    of_log = usable.filter("is_logged")
    is_same = pl.col("is_repeated") | pl.col("before").eq_missing(pl.col("label"))
    kept = of_log.filter(~is_same)
    return SortedLabels(
        kept=kept.select("row_key", "label"),
        reasons=rows["reason"],
        num_new=int(kept["before"].null_count()),
        num_corrected=kept.height - int(kept["before"].null_count()),
        num_repeated=of_log.height - kept.height,
        num_unsampled=usable.height - of_log.height,
    )


def write_labels(folder: Path, labels: pl.DataFrame, received: datetime, name: str) -> None:
    """One file of labels with the time at which they came; none for none."""
    if labels.height:
        rows = labels.with_columns(pl.lit(received, dtype=pl.Datetime("us")).alias("received"))
        with files.aside(folder / f"{received:%Y-%m-%d}_{received:%H%M%S%f}-{name}.parquet") as draft:
            rows.write_parquet(draft, compression="zstd")


def newest_labels(folder: Path, kind: type[pl.String | pl.Float64] = pl.String) -> pl.DataFrame:
    """The newest label of each row that has any: `row_key`, `label`, and when the first of them and this one came."""
    # By their names in the order in which they came.
    every = [pl.read_parquet(file) for file in sorted(folder.glob("*.parquet"))]
    schema = {"row_key": pl.String(), "label": kind(), "received": pl.Datetime("us")}
    rows = pl.concat(every) if every else pl.DataFrame(schema=schema)
    return rows.group_by("row_key", maintain_order=True).agg(
        pl.col("label").last(), pl.col("received").last(), first_received=pl.col("received").first()
    )

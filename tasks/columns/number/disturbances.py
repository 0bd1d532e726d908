"""What may befall numbers before they are answered."""

from __future__ import annotations

import polars as pl

from tasks.columns.disturbance import Disturbance, RawColumn


def with_noise(column: RawColumn, strength: float) -> pl.Series:
    """Numbers with normal noise of so many standard deviations of the training rows; a missing one stays missing."""
    noise = column.random.standard_normal(len(column.values)) * (strength * column.std)
    return column.values + pl.Series(noise)


NOISE = Disturbance(
    name="noise",
    title="Noise in numbers",
    words="numbers with noise of {strength:g} standard deviations",
    strengths=(0.1, 0.25, 0.5),
    change=with_noise,
)

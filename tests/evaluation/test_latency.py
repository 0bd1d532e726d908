from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tasks.evaluation.latency import latency_of


class Clock:
    """Goes on by what an answer takes, and by nothing else."""

    def __init__(self, milliseconds_a_row: float, every: int, slow: float) -> None:
        self.now = 0.0
        self.sizes: list[int] = []
        self._milliseconds, self._every, self._slow = milliseconds_a_row, every, slow

    def __call__(self) -> float:
        return self.now

    def answer(self, rows: pl.DataFrame) -> np.ndarray:
        self.sizes.append(rows.height)
        slow = self._slow if len(self.sizes) % self._every == 0 else 1.0
        self.now += self._milliseconds / 1_000 * rows.height * slow
        return np.zeros(rows.height)


def test_half_and_95_percent_of_the_calls_took_no_longer() -> None:
    """One call of ten takes eight times as long: 95 % lie between, half at the usual."""
    clock = Clock(milliseconds_a_row=0.5, every=10, slow=8.0)
    latency = latency_of(clock.answer, pl.DataFrame({"x": range(50)}), clock)
    assert (latency.one_row.num_rows, latency.one_row.num_calls) == (1, 200)
    assert latency.one_row.p50_ms == pytest.approx(0.5)
    assert latency.one_row.p95_ms == pytest.approx(4.0)
    assert latency.batch.num_rows == 50
    assert latency.batch.p50_ms == pytest.approx(25.0)
    assert latency.measures()["latency_p95_ms"].value == latency.one_row.p95_ms
    # A second of the slow clock is over long before 200 batches are.
    assert latency.batch.num_calls < 60


def test_a_slow_model_is_asked_five_times_and_no_more() -> None:
    clock = Clock(milliseconds_a_row=3_000, every=1_000, slow=1.0)
    latency = latency_of(clock.answer, pl.DataFrame({"x": [1, 2]}), clock)
    assert (latency.one_row.num_calls, latency.batch.num_calls) == (5, 5)
    assert latency.batch.p95_ms == pytest.approx(6_000)


def test_energy_is_that_of_a_thousand_answers_and_says_what_it_is_by() -> None:
    clock = Clock(milliseconds_a_row=1.0, every=1_000, slow=1.0)
    latency = latency_of(clock.answer, pl.DataFrame({"x": range(10)}), clock)
    assert latency.energy_wh >= 0
    assert latency.energy_source.startswith(("an estimate: ", "RAPL"))
    assert " core" in latency.machine

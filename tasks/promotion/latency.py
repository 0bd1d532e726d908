"""How fast a version answered on the machine where it was judged, for its verdict."""

from __future__ import annotations

from tasks.measures import Measure
from tasks.params.config import Config


class Timing(Config):
    """Of requests of `num_rows` rows each: half of the `num_calls` took no longer than `p50_ms`, 95 % no longer than
    `p95_ms`."""

    num_rows: int
    num_calls: int
    p50_ms: float
    p95_ms: float


class Latency(Config):
    """By the model in the process of register, without a server around it.

    `machine` is where that was measured; `energy_wh` is that of 1,000 answers in the batch, by `energy_source`.
    """

    machine: str
    one_row: Timing
    batch: Timing
    energy_wh: float
    energy_source: str

    def measures(self) -> dict[str, Measure]:
        """What the gate can bound: of one row."""
        return {
            "latency_p50_ms": Measure(value=self.one_row.p50_ms, of=f"one row, {self.machine}"),
            "latency_p95_ms": Measure(value=self.one_row.p95_ms, of=f"one row, {self.machine}"),
        }

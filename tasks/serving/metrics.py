"""What the server counts, as Prometheus reads it."""

from __future__ import annotations

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

ShadowOutcome = Literal["same", "other", "dropped", "failed"]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class ServingMetrics:
    """Counters, gauges and histograms of one server; names begin with `modelwright_`."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "modelwright_requests", "Requests that were answered.", ["route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "modelwright_request_seconds",
            "Time from a request to its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.rows = Counter("modelwright_rows", "Rows that a version answered.", ["version"], registry=registry)
        self.batch_rows = Histogram(
            "modelwright_batch_rows", "Rows that were answered together.", buckets=_ROWS, registry=registry
        )
        self.batch_requests = Histogram(
            "modelwright_batch_requests", "Requests that were answered together.", buckets=_ROWS, registry=registry
        )
        self.waiting = Gauge(
            "modelwright_waiting_requests", "Requests that no process has taken yet.", registry=registry
        )
        self.version = Gauge("modelwright_version", "The version that answers.", ["role"], registry=registry)
        self.moves = Counter("modelwright_moves", "Times that another version went live.", registry=registry)
        self.failed_warm_ups = Counter(
            "modelwright_failed_warm_ups", "Versions that failed their warm-up, and do not answer.", registry=registry
        )
        self.restarts = Counter(
            "modelwright_restarts", "Processes that ended by themselves and were started again.", registry=registry
        )
        self.registry_up = Gauge(
            "modelwright_registry_up", "1 where the registry said which version is live, else 0.", registry=registry
        )
        self.shadow = Counter(
            "modelwright_shadow_requests",
            "Copies of requests: answered as the live version did or otherwise, dropped, or failed.",
            ["outcome"],
            registry=registry,
        )

        self.logged = Counter(
            "modelwright_logged_rows",
            "Rows of the log of answers: written, dropped as too many waited, or failed.",
            ["outcome"],
            registry=registry,
        )

    def batch(self, num_requests: int, num_rows: int) -> None:
        """These were answered together."""
        self.batch_requests.observe(num_requests)
        self.batch_rows.observe(num_rows)

    def restart(self) -> None:
        """A process ended, and is started again."""
        self.restarts.inc()

    def text(self) -> bytes:
        """All of them in the text format of Prometheus."""
        return generate_latest(self._registry)

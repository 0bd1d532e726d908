"""The runs of the soaked deployment, asked of Prefect's server over HTTP as any client would."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx

from tests.soak.operation.content import PIPELINE

_Answer = TypeVar("_Answer")

_TIMES = ("created", "start_time", "end_time")

_AT_WORK = ["PENDING", "RUNNING", "CANCELLING"]


@dataclass(kw_only=True)
class PrefectRuns:
    """`address` gives where the server is now. Raises LookupError for a server that does not answer for long."""

    address: Callable[[], str]
    patience: float = 20.0

    def deployment(self) -> dict[str, Any]:
        """As Prefect has it, with its concurrency limit."""
        content: dict[str, Any] = self._asked("GET", f"deployments/name/training/{PIPELINE}")
        return content

    def trigger(self) -> str:
        """Has the deployment run now, by whoever serves it; the run's id."""
        body = {"state": {"type": "SCHEDULED"}}
        return str(self._asked("POST", f"deployments/{self.deployment()['id']}/create_flow_run", body)["id"])

    def state(self, run: str) -> tuple[str, str]:
        """Type and message of a run's state."""
        state = self._asked("GET", f"flow_runs/{run}")["state"]
        return state["name"], state["message"] or ""

    def seconds(self, run: str) -> tuple[float, float]:
        """From when it was asked for until it began, and from then until it ended; 0 for what never came."""
        content = self._asked("GET", f"flow_runs/{run}")
        created, began, ended = (content[name] and datetime.fromisoformat(content[name]) for name in _TIMES)
        return (
            round((began - created).total_seconds(), 1) if began else 0.0,
            round((ended - began).total_seconds(), 1) if began and ended else 0.0,
        )

    def open(self) -> list[str]:
        """Runs of the deployment that are at work, or should have begun."""
        due = {"state": {"type": {"any_": ["SCHEDULED"]}}, "expected_start_time": {"before_": _now()}}
        at_work = {"state": {"type": {"any_": _AT_WORK}}}
        body = {"deployments": {"name": {"any_": [PIPELINE]}}, "limit": 200}
        return [
            run["id"]
            for which in (due, at_work)
            for run in self._asked("POST", "flow_runs/filter", {**body, "flow_runs": which})
        ]

    def slots(self) -> float:
        """Taken ones of the deployment."""
        limit = self.deployment()["global_concurrency_limit"]
        return float(limit["active_slots"]) if limit else 0.0

    def _asked(self, method: str, path: str, body: Any = None) -> Any:
        return self._patiently(lambda: self._once(method, path, body))

    def _once(self, method: str, path: str, body: Any) -> Any:
        answer = httpx.request(method, f"{self.address()}/api/{path}", json=body, timeout=20)
        answer.raise_for_status()
        return answer.json()

    def _patiently(self, ask: Callable[[], _Answer]) -> _Answer:
        deadline = time.monotonic() + self.patience
        while True:
            try:
                return ask()
            except (httpx.HTTPError, LookupError) as error:
                is_unknown = isinstance(error, httpx.HTTPStatusError) and error.response.status_code == 404
                if is_unknown or time.monotonic() > deadline:
                    raise LookupError(f"Prefect's server: {error!r}") from error
            time.sleep(0.3)


def _now() -> str:
    return datetime.now(UTC).isoformat()

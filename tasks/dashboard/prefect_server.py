"""Prefect's pages, where its server answers: their address, and the flow runs of the project's pipelines.

Asked over HTTP and not by Prefect's client, whose import takes two seconds.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

_VARIABLE = "PREFECT_API_URL"
_USUAL = "http://127.0.0.1:4200/api"
"""Where `prefect server start` answers."""

_PATIENCE = 0.5
"""Seconds: of a server that is there, on this machine or near."""

_ASKED = 100
_MOST_BYTES = 4 * 2**20


@dataclass(frozen=True, kw_only=True)
class FlowRun:
    """A run of a flow; `state` is Prefect's, such as Failed."""

    run_id: str
    pipeline: str
    name: str
    state: str
    started: datetime
    seconds: float | None


@dataclass(frozen=True, kw_only=True)
class PrefectPages:
    """A server that answers: the address of its pages, and the last runs of these pipelines."""

    address: str
    runs: tuple[FlowRun, ...] = ()


def prefect_pages(names: Sequence[str]) -> PrefectPages | None:
    """The server that PREFECT_API_URL names, or that of this machine; None when none answers, or it asks for a key."""
    api = os.environ.get(_VARIABLE) or _USUAL
    address = urlsplit(api)
    # A page's address has neither user nor password; Prefect Cloud's pages are elsewhere, and it asks for a key.
    if address.scheme not in ("http", "https") or "@" in address.netloc:
        return None
    asked = {
        "limit": _ASKED,
        "sort": "START_TIME_DESC",
        "flows": {"name": {"any_": ["training", "scoring", "tuning"]}},
        # Those that schedules have made ahead are the newest of all, and may be hundreds.
        "flow_runs": {"start_time": {"is_null_": False}},
    }
    runs = _answer(f"{api.rstrip('/')}/flow_runs/filter", asked)
    if not isinstance(runs, list):
        return None
    shown = (_flow_run(run, names) for run in runs if isinstance(run, dict))
    return PrefectPages(address=f"{api.rstrip('/').removesuffix('/api')}/", runs=tuple(filter(None, shown)))


def _answer(address: str, question: Any) -> Any:
    request = Request(address, json.dumps(question).encode(), {"Content-Type": "application/json"})
    # A proxy leads out of this machine, and not back to it.
    is_here = urlsplit(address).hostname in ("127.0.0.1", "localhost", "::1")
    opener = build_opener(ProxyHandler({})) if is_here else build_opener()
    try:
        with opener.open(request, timeout=_PATIENCE) as answer:
            return json.loads(answer.read(_MOST_BYTES))
    # No server, another one, no JSON.
    except (URLError, OSError, ValueError):
        return None


def _flow_run(run: dict[str, Any], names: Sequence[str]) -> FlowRun | None:
    """None for a run of a pipeline that this project does not have, or one that has not begun."""
    pipeline = (run.get("parameters") or {}).get("pipeline")
    started = run.get("start_time")
    if pipeline not in names or not started:
        return None
    ended = run.get("end_time")
    begin = _moment(started)
    return FlowRun(
        run_id=str(run.get("id")),
        pipeline=str(pipeline),
        name=str(run.get("name", "")),
        state=str(run.get("state_name") or "unknown"),
        started=begin,
        seconds=(_moment(ended) - begin).total_seconds() if ended else None,
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)

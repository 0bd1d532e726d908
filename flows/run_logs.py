"""What Prefect has written down of a flow run, for who has no browser at hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flows.console import prefect_server
from tasks.errors import UserError
from tasks.memo.chain import announced

_MOST = 200
"""Lines that Prefect's server gives in one answer."""

_LOOKED_THROUGH = 200
"""Runs, the newest first, among which one is looked for by its name."""


@dataclass(frozen=True, kw_only=True)
class RunLogs:
    """A flow run and its lines; `state` is Prefect's word for how it ended."""

    name: str
    run_id: str
    state: str
    lines: tuple[tuple[datetime, str], ...]


def run_logs(called: str | None) -> RunLogs:
    """The logs of the flow run that began last, or of the last one whose name or id begins so.

    The server that is configured is asked, else a temporary one: its runs lie in Prefect's home. Raises UserError when
    there is no such run.
    """
    with announced("asking Prefect"), prefect_server():
        from prefect import get_client
        from prefect.client.schemas.filters import (
            FlowRunFilter,
            FlowRunFilterState,
            FlowRunFilterStateType,
            LogFilter,
            LogFilterFlowRunId,
        )
        from prefect.client.schemas.objects import StateType
        from prefect.client.schemas.sorting import FlowRunSort, LogSort

        with get_client(sync_client=True) as client:
            # Prefect counts those of a schedule as begun when they are due: they would be the newest of all.
            begun = FlowRunFilterState(type=FlowRunFilterStateType(not_any_=[StateType.SCHEDULED]))
            runs = client.read_flow_runs(
                flow_run_filter=FlowRunFilter(state=begun), sort=FlowRunSort.START_TIME_DESC, limit=_LOOKED_THROUGH
            )
            # A name begins with the pipeline's, so that a pipeline will do.
            fitting = [
                run for run in runs if called is None or called in (str(run.id)[: len(called)], run.name[: len(called)])
            ]
            if not fitting:
                raise UserError(_unknown(called, [run.name for run in runs]))
            run = fitting[0]
            which = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[UUID(str(run.id))]))
            lines: list[tuple[datetime, str]] = []
            while chunk := client.read_logs(which, limit=_MOST, offset=len(lines), sort=LogSort.TIMESTAMP_ASC):
                lines += [(log.timestamp, log.message) for log in chunk]
            return RunLogs(name=run.name, run_id=str(run.id), state=run.state_name or "", lines=tuple(lines))


def _unknown(called: str | None, names: list[str]) -> str:
    if not names:
        return "Prefect has no run yet; `modelwright run` makes one, and `modelwright run --plain` does without Prefect"
    return f"Prefect has no run whose name or id begins with {called}; the last ones are {', '.join(names[:5])}"

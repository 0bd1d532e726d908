"""The process of a run on schedule: `python -m flows.run_process`, around Prefect's own engine.

The engine ends where no server answers when it begins, where a request meets none, and where the lease of the run's
slot is lost, as in an outage of minutes. A run at work outlives all three.
"""

from __future__ import annotations

import logging
import os
import runpy
import sys
import warnings
from contextlib import AbstractContextManager
from uuid import UUID

from flows.outages import outlive_outages, wait_for_server
from flows.processes import record_process
from tasks.errors import UserError

_QUIET_LOGGERS = (
    "prefect.events.clients",
    "prefect._internal.concurrency",
    "prefect.FlowRunCancellingObserver",
    "prefect.FlowRunSuspendingObserver",
    "asyncio",
)
"""Pages about a server that is away, of each part that misses it: the scheduler says it in a line."""

_RUN = "PREFECT__FLOW_RUN_ID"
"""The variable by which Prefect's scheduler tells the process its run."""

RUN_COMMAND = (sys.executable, "-m", "flows.run_process")


def main() -> None:
    """Runs the flow run that the environment names. Ends with exit 2 where no server answers for long."""
    try:
        wait_for_server(_print)
    except UserError as error:
        _print(f"error: {error}")
        sys.exit(error.exit_code)
    outlive_outages()
    _outlive_lease()
    for name in _QUIET_LOGGERS:
        # No level, which Prefect sets again.
        logging.getLogger(name).addFilter(lambda _: False)
    # Before the seconds that the flow's own imports take: else one that is killed in them counts as dead minutes later.
    record_process(UUID(os.environ[_RUN]))
    # Python warns of a module that is run after it was imported, as Prefect's other modules import this one.
    warnings.filterwarnings("ignore", message="'prefect.engine' found in sys.modules")
    runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)


def _outlive_lease() -> None:
    """A run whose slot was given away in an outage goes on: another one of its pipeline waits for its files."""
    from prefect import flow_engine
    from prefect.concurrency._leases import maintain_concurrency_lease

    def outlived(lease_id: UUID, lease_duration: float, **_: object) -> AbstractContextManager[None]:
        return maintain_concurrency_lease(lease_id, lease_duration, raise_on_lease_renewal_failure=False)

    vars(flow_engine)["maintain_concurrency_lease"] = outlived


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()

"""Runs on schedule outlive an outage of some seconds, and a run by hand: what these stopped is tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.runtime import deployment
from prefect.tasks import exponential_backoff

from tasks.errors import BusyError, UnreachableError

if TYPE_CHECKING:
    from prefect import Task
    from prefect.client.schemas.objects import State, TaskRun

NUM_RETRIES = 4

FIRST_PAUSE = 4.0
"""Seconds, and twice as many each time: a minute in all, in which a server restarts."""

_JITTER = 0.5
"""Share by which a pause may be longer or shorter, so that runs that an outage stopped do not come back as one."""


def retry_options() -> dict[str, Any]:
    """What a task is to be made with.

    Empty for a run by hand: who waits at a terminal is told at once, and decides.
    """
    if deployment.id is None:
        return {}
    return {
        "retries": NUM_RETRIES,
        "retry_delay_seconds": exponential_backoff(FIRST_PAUSE),
        "retry_jitter_factor": _JITTER,
        "retry_condition_fn": may_pass,
    }


def may_pass(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Whether another try may go better: never after a mistake in settings or data, a gate that said no, or a bug."""
    return isinstance(state.result(raise_on_failure=False), UnreachableError | BusyError)

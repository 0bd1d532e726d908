"""What `modelwright up` runs: a command, its environment, and how it is known to be ready."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PREFECT, MLFLOW, SCHEDULE, PAUSE = "prefect", "mlflow", "schedule", "pause"
"""Names of services that other commands ask for."""

SERVE = "serve@"
"""How the names of servers of models begin; that of the pipeline follows."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A command that is to run for as long as the project is up, under a name that stands before its lines."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of its own, beside those of the user."""

    page: str | None = None
    """The address that people open."""

    health: str | None = None
    """The address that answers with status 200 once the service is ready."""

    ready_line: str | None = None
    """How the line begins that it prints once it is ready, where it has no address to ask."""

    after: tuple[str, ...] = ()
    """Names of services that must be ready before it starts; they are stopped after it, too."""

    noise: tuple[str, ...] = ()
    """Texts in lines that tell nobody anything."""

    is_once: bool = False
    """Whether it has a piece of work to do and ends, which it is not started again after, however it ended."""

    stop_seconds: float = 10.0
    """How long it may take to end after SIGTERM; what is left then is killed."""


def in_order_of_stopping(services: tuple[Service, ...]) -> list[list[Service]]:
    """Rounds: each holds the services that no service of a later round has to outlive."""
    left = list(services)
    rounds = []
    while left:
        needed = {name for service in left for name in service.after}
        free = [service for service in left if service.name not in needed]
        assert free, "services wait for each other in a ring"
        rounds.append(free)
        left = [service for service in left if service not in free]
    return rounds

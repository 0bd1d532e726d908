"""MLflow's server as one process: `python -m tasks.tracking.server_process server ...`, with MLflow's own arguments.

MLflow's command starts the server beside itself and waits for it, with all of MLflow in memory twice. This one becomes
the server. The project's store is made first, when it is not there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from tasks.errors import UserError
from tasks.paths import Project
from tasks.root import find_root
from tasks.tracking import store


def main(arguments: Sequence[str]) -> None:
    """Never returns while the server runs."""
    try:
        store.ensure_store(Project(root=find_root()))
    except UserError as error:
        sys.exit(f"error: {error}")
    import mlflow.server
    from mlflow.cli import cli

    # Where MLflow has another way to start its server some day, that one is taken, at the cost of the memory.
    vars(mlflow.server)["_exec_cmd"] = _become
    cli(list(arguments))


def _become(command: Sequence[str], extra_env: Mapping[str, str], **_: Any) -> NoReturn:
    """As MLflow starts a process: with these variables beside its own."""
    os.execvpe(command[0], list(command), {**os.environ, **extra_env})


if __name__ == "__main__":
    main(sys.argv[1:])

"""One of several processes that make trials: `python -m tasks.tuning.worker`, with its job on standard input."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def main() -> int:
    """Makes trials until the budget is spent. Returns the exit code; the message of a UserError is the last line."""
    job = json.load(sys.stdin)
    # Before any library counts the cores: it would take all of them, as the others do.
    _take_cores(job["number"], job["num_jobs"])
    from tasks.errors import UserError

    try:
        _work(job)
    except UserError as error:
        print(str(error).replace("\n", " "), file=sys.stderr)  # noqa: T201
        return UserError.exit_code
    except KeyboardInterrupt:
        return 0
    return 0


def _take_cores(number: int, num_jobs: int) -> None:
    # Not every system lets a process choose.
    if not hasattr(os, "sched_getaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) >= num_jobs:
        os.sched_setaffinity(0, cores[number::num_jobs])


def _work(job: dict[str, Any]) -> None:
    from tasks.params.pipeline import Pipeline
    from tasks.paths import Project
    from tasks.tuning.journal import need_optuna, open_study
    from tasks.tuning.rows import TuningRows
    from tasks.tuning.search import Budget, TrialSearch, is_maximized
    from tasks.tuning.spaces import space_of

    need_optuna()
    paths = Project(root=Path(job["root"])).pipeline(job["pipeline"])
    config = Pipeline.model_validate(job["block"])
    rows = TuningRows(paths=paths, **{**job["rows"], "folder": Path(job["rows"]["folder"])})
    study = open_study(paths, job["identity"], maximize=is_maximized(config))
    space = space_of(config, job["pipeline"])
    search = TrialSearch(study=study, space=space, config=config, rows=rows, seed=config.tune.seed)
    budget = Budget(trials=job["trials"], until=job["until"], parent=job["parent"])
    search.run(budget, lambda _: None, ended=lambda: None)


if __name__ == "__main__":
    sys.exit(main())

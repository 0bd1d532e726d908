"""Several processes that make trials of one search side by side; none of them outlives the search."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, Any

from tasks.environment import python_path
from tasks.errors import UserError
from tasks.tuning import worker
from tasks.tuning.search import Budget, Tell, TrialSearch
from tasks.tuning.trials import ended_trials
from tasks.wording import counted

_LOOK_EVERY = 0.5
"""Seconds between two looks at how many trials have ended."""
_PATIENCE = 10.0
"""Seconds in which a process may end after SIGTERM."""
_SHOWN = 20
"""Lines of a process's output that are shown when it failed."""


@dataclass(frozen=True, kw_only=True)
class _Worker:
    """A process, and what it writes to standard error."""

    process: subprocess.Popen[str]
    output: IO[str]


def run_in_processes(
    search: TrialSearch,
    identity: dict[str, str],
    budget: Budget,
    num_jobs: int,
    tell: Tell,
    ended: Callable[[], None],
) -> None:
    """Has so many processes make trials until the budget is spent; `ended` is called where some may have ended.

    Trials of one that was killed are made by this process at the end. Raises UserError for what one raised one for.
    """
    with _started(search, identity, budget, num_jobs) as workers:
        while any(one.process.poll() is None for one in workers):
            tell(
                f"{counted(len(ended_trials(search.study, search.space)), 'trial')} ended, "
                f"{counted(num_jobs, 'process', 'processes')}"
            )
            ended()
            time.sleep(_LOOK_EVERY)
        for one in workers:
            _check(one)
    search.take_up()
    search.run(budget, tell, ended)


@contextmanager
def _started(search: TrialSearch, identity: dict[str, str], budget: Budget, num_jobs: int) -> Iterator[list[_Worker]]:
    with ExitStack() as stack:
        workers = []
        for number in range(num_jobs):
            output = stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8"))
            job = json.dumps(_job(search, identity, budget) | {"number": number, "num_jobs": num_jobs})
            # The tool's own modules first, none of the working directory's, and none of a model that MLflow has loaded
            # here: it puts the model's code, which is part of an older tool, in front of sys.path.
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", worker.__name__],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                text=True,
                cwd=search.rows.paths.project.root,
                env={**os.environ, "PYTHONPATH": python_path()},
            )
            stack.callback(_end, process)
            workers.append(_Worker(process=process, output=output))
            assert process.stdin is not None
            process.stdin.write(job)
            process.stdin.close()
        yield workers


def _job(search: TrialSearch, identity: dict[str, str], budget: Budget) -> dict[str, Any]:
    """What a process has to know: params.yaml may be another by the time that it would read it."""
    rows = search.rows
    return {
        "root": str(rows.paths.project.root),
        "pipeline": rows.paths.pipeline,
        "block": search.config.model_dump(mode="json", by_alias=True, exclude_unset=True),
        "identity": identity,
        "rows": {
            "folder": str(rows.folder),
            "identity": rows.identity,
            "num_rows": rows.num_rows,
            "num_folds": rows.num_folds,
            "in_time": rows.in_time,
            "is_shared": rows.is_shared,
        },
        "trials": budget.trials,
        "until": budget.until,
        "parent": os.getpid(),
    }


def _check(one: _Worker) -> None:
    code = one.process.returncode
    # One that was killed, as for want of memory, leaves its trial to be taken up.
    if code <= 0:
        return
    one.output.seek(0)
    lines = one.output.read().splitlines()
    if code == UserError.exit_code:
        raise UserError("\n".join(lines[-1:]))
    raise RuntimeError("\n".join(["a process of tune failed:", *lines[-_SHOWN:]]))


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

"""One process's part of a search: what a dead one left, what is refused, and what ends it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import UserError
from tasks.params.search_space import search_space
from tasks.paths import Project
from tasks.tuning import search as module
from tasks.tuning.journal import open_study
from tasks.tuning.judged import FoldScore
from tasks.tuning.rows import TuningRows
from tasks.tuning.search import Budget, TrialSearch
from tasks.tuning.trials import OWNER, distributions, ended_trials
from tests.params.test_search_space import checked

RANGES = {"train.num_leaves": [4, 255], "train.max_depth": [None, 6]}
BUDGET = Budget(trials=30, until=None)


def score_of(num_leaves: int) -> float:
    """Any number, so that no trial says what another one is worth."""
    return num_leaves * 7919 % 101 / 101


@pytest.fixture
def searching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., TrialSearch]:
    """A search whose folds are not trained: a trial's score is one of its leaves, and very many of them are refused."""
    paths = Project(root=tmp_path).pipeline("churn")
    config = checked(RANGES)

    def judge(tried: Any, fold: Path) -> FoldScore:
        if tried.train.num_leaves > 200:
            raise UserError("the loss is not finite")
        value = score_of(tried.train.num_leaves)
        return FoldScore(judged=value, validation=value)

    monkeypatch.setattr(module, "judge_fold", judge)

    def opened() -> TrialSearch:
        rows = TuningRows(
            paths=paths,
            folder=tmp_path,
            identity="rows",
            num_rows=9,
            num_folds=3,
            in_time=False,
            is_shared=True,
        )
        study = open_study(paths, {"rows": "a"}, maximize=True)
        return TrialSearch(study=study, space=search_space(config, RANGES), config=config, rows=rows, seed=0)

    monkeypatch.setattr(TuningRows, "_shared", lambda self, config, number, place: place)
    return opened


def silent(_: str = "") -> None:
    pass


def test_trials_end_as_finished_given_up_or_refused(searching: Callable[..., TrialSearch]) -> None:
    search = searching()
    search.run(BUDGET, silent, silent)
    trials = ended_trials(search.study, search.space)
    assert len(trials) == 30
    assert [trial.number for trial in trials] == [*range(1, 31)]
    assert {trial.state for trial in trials} == {"finished", "given up", "refused"}
    for trial in trials:
        leaves, depth = trial.values["train.num_leaves"], trial.values["train.max_depth"]
        # num_leaves 70 and max_depth 6 contradict each other.
        if leaves > 200 or (depth is not None and leaves > 2**depth):
            assert trial.state == "refused"
            assert "not finite" in trial.why or "do not fit max_depth" in trial.why
        else:
            assert trial.state in ("finished", "given up")
            assert set(trial.scores) == {score_of(leaves)}
            assert len(trial.scores) == 3 if trial.state == "finished" else len(trial.scores) == 2
    search.run(BUDGET, silent, silent)
    assert len(ended_trials(search.study, search.space)) == 30, "the budget counts those of before"


def test_params_yaml_as_it_is_is_judged_once_and_is_nobodys_trial(searching: Callable[..., TrialSearch]) -> None:
    search = searching()
    for _ in range(2):
        search.measure_as_it_is(silent)
    assert search.study.user_attrs["as_it_is"] == [score_of(15)] * 3
    assert len(search.study.trials) == 1
    search.run(Budget(trials=2, until=None), silent, silent)
    assert [trial.number for trial in ended_trials(search.study, search.space)] == [1, 2]


def test_what_a_dead_process_left_is_made_once_more_with_the_same_values(searching: Callable[..., TrialSearch]) -> None:
    undisturbed = searching()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    cut_off = undisturbed.study.ask(distributions(undisturbed.space))
    cut_off.set_user_attr(OWNER, [socket.gethostname(), dead.pid, time.time()])
    search = searching()
    assert search.take_up() == 1
    assert search.take_up() == 0, "and not again"
    search.run(Budget(trials=1, until=None), silent, silent)
    (trial,) = ended_trials(search.study, search.space)
    assert trial.values["train.num_leaves"] == cut_off.params["train.num_leaves"]


def test_what_a_living_process_is_at_work_on_is_its_own(searching: Callable[..., TrialSearch]) -> None:
    search = searching()
    at_work = search.study.ask(distributions(search.space))
    at_work.set_user_attr(OWNER, [socket.gethostname(), os.getppid(), time.time()])
    elsewhere = search.study.ask(distributions(search.space))
    elsewhere.set_user_attr(OWNER, ["another.example.org", 1, time.time()])
    assert search.take_up() == 0
    search.run(Budget(trials=3, until=None), silent, silent)
    assert len(ended_trials(search.study, search.space)) == 1, "two of the three are others'"


def test_no_trial_is_begun_after_the_time_or_without_the_process_that_asked(
    searching: Callable[..., TrialSearch],
) -> None:
    search = searching()
    search.run(Budget(trials=None, until=time.time() - 1), silent, silent)
    search.run(Budget(trials=5, until=None, parent=os.getpid()), silent, silent)
    assert search.study.trials == []
    search.run(Budget(trials=2, until=time.time() + 100, parent=os.getppid()), silent, silent)
    assert len(search.study.trials) == 2


def test_a_search_that_was_cut_off_tries_what_it_would_have_tried(
    searching: Callable[..., TrialSearch], tmp_path: Path
) -> None:
    search = searching()
    search.run(Budget(trials=20, until=None), silent, silent)
    whole = [trial.values for trial in ended_trials(search.study, search.space)]
    (Path(tmp_path) / ".modelwright" / "tuning" / "churn" / "journal.log").unlink()
    for number in (3, 11, 20):
        search = searching()
        search.run(Budget(trials=number, until=None), silent, silent)
    assert [trial.values for trial in ended_trials(search.study, search.space)] == whole

"""The journal of trials: gone on with after any kill, and refused, with what to do, where it is not this search's."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from tasks.errors import UserError
from tasks.paths import Paths, Project
from tasks.tuning import journal
from tasks.tuning.journal import held, journal_file, need_optuna, open_study, remove_journal
from tests.projects import command

IDENTITY = {"rows": "a", "metric": "rmse"}


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Project(root=tmp_path).pipeline("sums")


def with_trials(paths: Paths, count: int) -> None:
    study = open_study(paths, IDENTITY, maximize=True)
    for number in range(count):
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        study.tell(trial, number)


def test_trials_are_there_again(paths: Paths) -> None:
    with_trials(paths, 3)
    study = open_study(paths, IDENTITY, maximize=True)
    assert [trial.value for trial in study.trials] == [0, 1, 2]
    remove_journal(paths)
    assert open_study(paths, {"rows": "b", "metric": "f1"}, maximize=False).trials == []


def test_a_line_that_a_kill_left_half_is_taken_off(paths: Paths) -> None:
    with_trials(paths, 2)
    file = journal_file(paths)
    whole = file.read_bytes()
    for cut in range(1, len(whole), 7):
        file.write_bytes(whole[:cut])
        study = open_study(paths, IDENTITY, maximize=True)
        # And what is written next is a line of its own.
        study.tell(study.ask(), 5.0)
        assert open_study(paths, IDENTITY, maximize=True).trials[-1].value == 5.0


def test_the_trials_of_another_search_are_not_mixed_with_these(paths: Paths) -> None:
    with_trials(paths, 1)
    before = journal_file(paths).read_bytes()
    with pytest.raises(UserError) as caught:
        open_study(paths, {"rows": "b", "metric": "f1"}, maximize=True)
    assert "its trials are of another search (rows and metric differ)" in str(caught.value)
    assert "`modelwright tune sums --fresh` begins anew" in str(caught.value)
    assert journal_file(paths).read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [
        b"no JSON\n",
        b"[1]\n",
        b'{"op_code": 99}\n',
        b'{"op_code": 4, "study_id": 7}\n',
        b"\xff\xfe\n",
        b"[" * 9000 + b"\n",
    ],
)
def test_what_is_no_journal_is_told(paths: Paths, content: bytes) -> None:
    file = journal_file(paths)
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"damaged .*--fresh` removes it and begins anew"):
        open_study(paths, IDENTITY, maximize=True)
    assert file.read_bytes() == content


def test_a_folder_in_its_place_is_told(paths: Paths) -> None:
    journal_file(paths).mkdir(parents=True)
    with pytest.raises(UserError, match="a folder in its place"):
        open_study(paths, IDENTITY, maximize=True)
    remove_journal(paths)
    assert open_study(paths, IDENTITY, maximize=True).trials == []


def test_one_search_at_a_time(paths: Paths) -> None:
    raised: list[str] = []

    def search() -> None:
        try:
            with held(paths):
                pass
        except UserError as error:
            raised.append(str(error))

    with held(paths):
        other = threading.Thread(target=search)
        other.start()
        other.join()
    assert "locked: another `modelwright tune sums` is at work; wait until it has ended" in raised[0]
    search()
    assert len(raised) == 1


def test_a_lock_that_does_not_come_free_is_told(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    with_trials(paths, 1)
    monkeypatch.setattr(journal, "_PATIENCE", 0.1)
    with (
        FileLock(journal_file(paths).with_suffix(".lock")),
        pytest.raises(UserError, match=r"locked for .* by another process; end it"),
    ):
        open_study(paths, IDENTITY, maximize=True)


def test_the_extra_is_named_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UserError, match=r"needs the extra `tune`: pip install 'modelwright\[tune\]'"):
        need_optuna()


def test_optuna_connects_to_nothing(tmp_path: Path) -> None:
    program = """
import sys
def refuse(event, arguments):
    assert not event.startswith(("socket.connect", "socket.getaddrinfo")), arguments
sys.addaudithook(refuse)
from pathlib import Path
from tasks.paths import Project
from tasks.tuning.journal import need_optuna, open_study
need_optuna()
study = open_study(Project(root=Path(sys.argv[1])).pipeline("sums"), {"rows": "a"}, maximize=True)
for _ in range(12):
    trial = study.ask()
    study.tell(trial, trial.suggest_float("x", 0, 1))
import optuna
optuna.importance.get_param_importances(study)
"""
    done = command(tmp_path, sys.executable, "-c", program, str(tmp_path), PYTHONPATH=str(Path(__file__).parents[2]))
    assert done.stdout + done.stderr == ""

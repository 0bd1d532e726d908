"""The soak's own checks: each finds what is planted for it, and has nothing to say of an operation that is whole."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.soak.operation.checks import (
    ChampionMove,
    ClaimedVersion,
    LockState,
    RegisteredVersion,
    RegistryState,
    expected_champion,
    left_locks,
    lost_and_double,
    missed_promotion,
    wrong_champion,
    wrongly_removed,
)
from tests.soak.operation.content import Content
from tests.soak.operation.locks import held_locks, locked_databases, reserved_paths
from tests.soak.operation.retention import Collection, Holder

POOR, GOOD = Content(num_rows=400, strength=1e-6), Content(num_rows=400, strength=1.0)

FIRST = RegisteredVersion(number=1, status="READY", model="aaaa", strength=1e-6, log_loss=0.69)
SECOND = RegisteredVersion(number=2, status="READY", model="bbbb", strength=1.0, log_loss=0.3)

WHOLE = RegistryState(
    versions=(FIRST, SECOND),
    champion=2,
    moves=(
        ChampionMove(who="register", reason="passed", before=None, after=1),
        ChampionMove(who="register", reason="passed", before=1, after=2),
        ChampionMove(who="ada", reason="as it was", before=2, after=1),
        ChampionMove(who="register", reason="passed", before=1, after=2),
    ),
)
CLAIMS = (
    ClaimedVersion(run=0, content=POOR, version=1, model="aaaa", is_promoted=True),
    ClaimedVersion(run=1, content=GOOD, version=2, model="bbbb", is_promoted=True),
    ClaimedVersion(run=2, content=GOOD, version=2, model="bbbb", is_promoted=True),
)


def versions(*these: RegisteredVersion) -> RegistryState:
    return replace(WHOLE, versions=these)


def moves(*these: tuple[str, int | None, int | None]) -> RegistryState:
    made = [ChampionMove(who=who, reason="as it was", before=before, after=after) for who, before, after in these]
    return replace(WHOLE, moves=tuple(made))


def test_of_a_whole_operation_nothing_is_said() -> None:
    assert list(lost_and_double(CLAIMS, WHOLE)) == []
    assert list(wrong_champion(WHOLE, 2, {"as it was": 1})) == []
    assert list(left_locks(LockState())) == []


@pytest.mark.parametrize(
    ("state", "sentences"),
    [
        # Lost.
        (versions(FIRST), [f"run {run} registered version 2, which is not there" for run in (1, 2)]),
        # Double.
        (versions(FIRST, SECOND, replace(SECOND, number=3)), ["2 versions of the model bbbb"]),
        # Mixed up.
        (
            versions(FIRST, replace(SECOND, model="cccc")),
            [f"version 2 is another model than run {run} registered" for run in (1, 2)],
        ),
        (
            versions(replace(FIRST, strength=2.0), SECOND),
            ["version 1 was trained with 2.0, and run 0 was given others"],
        ),
        (versions(replace(FIRST, status="PENDING_REGISTRATION"), SECOND), ["version 1 is PENDING_REGISTRATION"]),
        (replace(WHOLE, running_runs=("r",)), ["run r is still at work in MLflow"]),
        (replace(WHOLE, unready_models=("m",)), ["logged model m was never finished"]),
    ],
)
def test_lost_and_double_versions(state: RegistryState, sentences: list[str]) -> None:
    assert list(lost_and_double(CLAIMS, state)) == sentences


def test_two_versions_of_one_content_and_one_of_two() -> None:
    third = replace(SECOND, number=3, model="cccc")
    again = replace(CLAIMS[2], version=3, model="cccc")
    assert list(lost_and_double((*CLAIMS[:2], again), versions(FIRST, SECOND, third))) == [
        "versions [2, 3] of one content"
    ]
    more_rows = replace(CLAIMS[2], content=replace(GOOD, num_rows=420))
    assert list(lost_and_double((*CLAIMS[:2], more_rows), WHOLE)) == ["version 2 of 2 contents"]


@pytest.mark.parametrize(
    ("state", "expected", "sentences"),
    [
        (replace(WHOLE, champion=1), 1, ["champion is version 1, and the last move in the history is to 2"]),
        (replace(WHOLE, champion=None), None, ["champion is version None, and the last move in the history is to 2"]),
        (WHOLE, 1, ["champion is version 2, and should be 1"]),
        (
            moves(("register", None, 1), ("register", 1, 7)),
            None,
            ["champion is version 2, and the last move in the history is to 7"],
        ),
        (
            moves(("register", None, 1), ("outside", 1, 2)),
            2,
            ["outside moved the champion to version 2, and no person did"],
        ),
        (moves(("register", None, 1), ("bob", 1, 2)), 2, ["bob moved the champion to version 2, and no person did"]),
        (moves(("register", None, 2), ("register", 1, 2)), 2, ["a move from version 1, when 2 was champion"]),
        (
            replace(moves(("register", None, 2), ("register", 2, 1)), champion=1),
            1,
            ["the gate moved the champion from version 2 to 1, which is worse"],
        ),
        (replace(WHOLE, problems=("record 000001 was changed",)), 2, ["record 000001 was changed"]),
        (replace(moves(("register", None, 9)), champion=9), 9, ["champion is version 9, which is not there"]),
    ],
)
def test_a_wrong_champion(state: RegistryState, expected: int | None, sentences: Sequence[str]) -> None:
    assert list(wrong_champion(state, expected, {"as it was": 1})) == sentences


def test_a_version_is_expected_to_be_champion_when_it_comes_and_not_when_a_person_went_back() -> None:
    assert expected_champion(CLAIMS[:2], 1) == 2
    # Unchanged: its registration says promoted still, and a person has gone back to version 1 since.
    assert expected_champion(CLAIMS, 1) == 1
    assert expected_champion([*CLAIMS[:1], replace(CLAIMS[1], is_promoted=False)], 1) == 1
    assert expected_champion(CLAIMS, None) is None


def test_a_better_model_that_was_not_promoted() -> None:
    poor, good = CLAIMS[:2]
    assert list(missed_promotion(good, poor)) == []
    assert list(missed_promotion(replace(good, is_promoted=False), good)) == []
    assert list(missed_promotion(replace(good, is_promoted=False), None)) == []
    assert list(missed_promotion(replace(good, is_promoted=False), poor)) == [
        "version 2 is much better than the champion, 1, which stays"
    ]


def test_what_gc_must_not_remove() -> None:
    first, second = Holder(version=1, answers="a"), Holder(version=2, answers="b")
    aliases = {"previous": first, "champion": second}
    whole = Collection(removed=(3,), before=aliases, after=aliases)
    assert list(wrongly_removed(whole, (4, 5))) == []
    assert list(wrongly_removed(whole, (3, 4))) == ["gc removed version 3, one of the newest"]
    assert list(wrongly_removed(replace(whole, removed=(1,), after={"champion": second}), ())) == [
        "gc removed version 1, which was previous",
        "previous was version 1 before gc, and is None after it",
    ]
    changed = replace(whole, after={"previous": first, "champion": replace(second, answers="c")})
    assert list(wrongly_removed(changed, ())) == ["version 2, champion, answers otherwise after gc"]
    moved = replace(whole, after={"previous": first, "champion": first})
    assert list(wrongly_removed(moved, ())) == ["champion was version 2 before gc, and is 1 after it"]


def test_each_left_lock_has_its_sentence() -> None:
    state = LockState(slots=1, held=("a.lock",), reserved=("data/x",), databases=("mlflow.db",), processes=("python",))
    assert list(left_locks(state)) == [
        "1 concurrency slots are taken, and nothing runs",
        "the lock a.lock is held, and nothing runs",
        "data/x is reserved, and nothing runs",
        "mlflow.db cannot be written to",
        "still at work: python",
    ]


def test_a_held_lock_file_is_told_from_one_that_only_lies_there(tmp_path: Path) -> None:
    (tmp_path / ".dvc" / "tmp").mkdir(parents=True)
    (tmp_path / "mlflow.lock").touch()
    lock = tmp_path / ".dvc" / "tmp" / "lock"
    lock.touch()
    assert list(held_locks(tmp_path)) == []
    with lock.open("rb") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        assert list(held_locks(tmp_path)) == [".dvc/tmp/lock"]
    assert list(held_locks(tmp_path)) == []


def test_what_is_reserved_is_listed(tmp_path: Path) -> None:
    assert reserved_paths(tmp_path) == []
    folder = tmp_path / ".dvc" / "tmp"
    folder.mkdir(parents=True)
    (folder / "rwlock").write_text("{}")
    assert reserved_paths(tmp_path) == []
    this = {"pid": os.getpid(), "cmd": "run"}
    (folder / "rwlock").write_text(json.dumps({"write": {"/data/x": this}, "read": {"/rows.csv": [this]}}))
    assert reserved_paths(tmp_path) == ["/data/x", "/rows.csv"]
    (folder / "rwlock").write_text(json.dumps({"write": {}, "read": {}}))
    assert reserved_paths(tmp_path) == []
    (folder / "rwlock").write_text("{")
    assert reserved_paths(tmp_path) == ["everything (the list is damaged)"]


def test_a_database_that_somebody_writes_to_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.soak.operation.locks._SECONDS", 0.05)
    file = tmp_path / "mlflow" / "mlflow.db"
    file.parent.mkdir()
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("CREATE TABLE runs (id)")
        assert list(locked_databases(tmp_path)) == []
        writer.execute("BEGIN IMMEDIATE")
        assert list(locked_databases(tmp_path)) == ["mlflow/mlflow.db"]
        writer.execute("ROLLBACK")
    assert list(locked_databases(tmp_path)) == []

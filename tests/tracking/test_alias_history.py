"""Aliases that move with their history, on a real store: cut off anywhere, met by others, moved behind our back."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from tasks.errors import UserError
from tasks.paths import Project
from tasks.promotion.chain import verify
from tasks.promotion.history import AliasRecord, in_order, new_record, state
from tasks.promotion.reigns import reigns
from tasks.tracking import alias_history, store
from tasks.tracking.alias_history import Grounds, look, move
from tasks.tracking.known_aliases import KnownAliases, marks, read_aliases
from tests.registry import (
    NAME,
    Between,
    CutOffError,
    cut_off,
    project_with_versions,
    promote_at_once,
    write_to_database,
)

pytestmark = pytest.mark.chain

ADA = Grounds(who="Ada", reason="because")


@pytest.fixture
def project(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return project_with_versions(tmp_path, empty_store)


@pytest.fixture
def client(project: Project) -> MlflowClient:
    return store.connect(project)


@pytest.fixture
def unlocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a server: nobody waits for anybody, and a record may be waited for."""
    monkeypatch.setattr(alias_history, "_alone", lambda _: nullcontext())
    monkeypatch.setattr(alias_history, "_patience", lambda _: 0.3)


def crown(project: Project, client: Any, version: int, grounds: Grounds = ADA) -> KnownAliases:
    return move(project, client, NAME, lambda _: {"champion": version}, grounds)


def whole(client: MlflowClient) -> KnownAliases:
    """The history, which is whole and says what the aliases are."""
    known = read_aliases(client, NAME)
    assert verify(known.kept, marks(client, NAME)).problems == ()
    assert state(known.records) == known.aliases
    return known


def told(known: KnownAliases) -> list[tuple[str, dict[str, Any]]]:
    return [(record.who, dict(record.moves)) for record in in_order(known.records)]


def test_previous_follows_the_champion_and_each_move_is_a_record(project: Project, client: MlflowClient) -> None:
    for version in (1, 2, 2, 1):
        crown(project, client, version)
    known = whole(client)
    assert known.aliases == {"champion": 1, "previous": 2}
    assert told(known) == [
        ("Ada", {"champion": (None, 1)}),
        ("Ada", {"champion": (1, 2), "previous": (None, 1)}),
        ("Ada", {"champion": (2, 1), "previous": (1, 2)}),
    ]
    tags = client.get_registered_model(NAME).tags
    assert all(key.startswith("modelwright.history.00000") and len(text) < 5000 for key, text in tags.items())
    assert json.loads(next(iter(tags.values())))["reason"] == "because"


def test_a_version_that_was_deleted_is_no_previous(project: Project, client: MlflowClient) -> None:
    for version in (1, 2, 3):
        crown(project, client, version)
    client.delete_model_version(NAME, "3")
    assert crown(project, client, 4).aliases == {"champion": 4, "previous": 2}
    known = whole(client)
    deleted = in_order(known.records)[3]
    assert (deleted.who, deleted.moves) == ("outside", {"champion": (3, None)})
    assert deleted.reason == "version 3 was deleted in MLflow itself, which was seen then"


def test_what_was_there_before_is_taken_over(project: Project, client: MlflowClient) -> None:
    client.set_registered_model_alias(NAME, "champion", "2")
    client.set_registered_model_alias(NAME, "staging", "3")
    crown(project, client, 4)
    first, second = in_order(whole(client).records)
    assert (first.who, first.reason) == ("outside", "before the history began")
    assert first.moves == {"champion": (None, 2), "staging": (None, 3)}
    assert second.moves == {"champion": (2, 4), "previous": (None, 2)}


def test_without_aliases_nothing_is_written(project: Project, client: MlflowClient) -> None:
    assert look(project, client, NAME).records == ()


def test_a_move_in_mlflow_itself_is_seen_once_and_previous_follows(project: Project, client: MlflowClient) -> None:
    crown(project, client, 1)
    client.set_registered_model_alias(NAME, "champion", "3")
    client.set_registered_model_alias(NAME, "champion", "2")
    client.set_registered_model_alias(NAME, "challenger", "4")
    known = look(project, client, NAME)
    assert known.aliases == {"champion": 2, "challenger": 4, "previous": 1}
    assert look(project, client, NAME) == known == whole(client)
    record = in_order(known.records)[-1]
    assert record.who == "outside"
    assert record.moves == {"champion": (1, 2), "challenger": (None, 4), "previous": (None, 1)}
    assert record.reason == "moved in MLflow itself, and seen then"


def test_previous_that_somebody_moves_along_is_left(project: Project, client: MlflowClient) -> None:
    crown(project, client, 1)
    client.set_registered_model_alias(NAME, "champion", "2")
    client.set_registered_model_alias(NAME, "previous", "3")
    assert look(project, client, NAME).aliases == {"champion": 2, "previous": 3}
    client.delete_registered_model_alias(NAME, "champion")
    client.delete_registered_model_alias(NAME, "previous")
    assert look(project, client, NAME).aliases == {}
    assert crown(project, client, 4).aliases == {"champion": 4, "previous": 2}
    whole(client)


def test_as_many_aliases_as_there_are_stand_in_several_records(project: Project, client: MlflowClient) -> None:
    for number in range(40):
        client.set_registered_model_alias(NAME, f"{'shadow' * 20}-{number}", "1")
    known = look(project, client, NAME)
    assert len(known.records) > 3
    assert len(known.aliases) == 40
    whole(client)


@pytest.mark.parametrize("after", range(6))
def test_a_move_that_is_cut_off_anywhere_is_made_or_told(project: Project, client: MlflowClient, after: int) -> None:
    """The writes: record, champion, challenger, previous, mark; the last of the cases is cut off nowhere."""
    crown(project, client, 1)
    client.set_registered_model_alias(NAME, "challenger", "2")
    look(project, client, NAME)
    num_records = len(whole(client).records)

    def moved(by: Any) -> KnownAliases:
        return move(project, by, NAME, lambda _: {"champion": 2, "challenger": None}, ADA)

    if after < 5:
        with pytest.raises(CutOffError):
            moved(Between(client, cut_off(after)))
    else:
        moved(Between(client, cut_off(after)))
    known = look(project, client, NAME)
    assert known == whole(client)
    made = {"champion": 2, "previous": 1}
    assert known.aliases == ({"champion": 1, "challenger": 2} if after < 2 else made)
    # Nothing; the record, and that it was not carried out; or the record, whose moves were made to the end.
    assert len(known.records) - num_records == {0: 0, 1: 2}.get(after, 1)
    if after == 1:
        last = in_order(known.records)[-1]
        assert (last.who, len(last.annuls)) == ("modelwright", 1)
        assert "was not carried out: it was cut off before it moved an alias" in last.reason
        assert [reign.version for reign in reigns(known.records)] == [1]
    assert moved(client).aliases == made
    whole(client)


@pytest.mark.parametrize("after", range(4))
def test_a_look_that_is_cut_off_is_ended_by_the_next(project: Project, client: MlflowClient, after: int) -> None:
    """The writes: record, previous, mark."""
    crown(project, client, 1)
    client.set_registered_model_alias(NAME, "champion", "2")
    if after < 3:
        with pytest.raises(CutOffError):
            look(project, Between(client, cut_off(after)), NAME)  # type: ignore[arg-type]
    assert look(project, client, NAME).aliases == {"champion": 2, "previous": 1}
    assert len(whole(client).records) == 2


@pytest.mark.usefixtures("unlocked")
@pytest.mark.parametrize("before", range(4))
def test_whoever_meets_another_gives_way_or_comes_first(
    project: Project, client: MlflowClient, before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one promotes a version, all of it, right before each write of ours."""
    monkeypatch.setattr(alias_history, "_PAUSE", 0.01)
    crown(project, client, 1)

    def act(num_writes: int, _: str) -> None:
        if num_writes == before:
            crown(project, store.connect(project), 3, Grounds(who="Grace", reason="because"))

    crown(project, Between(client, act), 2)
    known = whole(client)
    assert {"Ada", "Grace"} <= {record.who for record in known.records} <= {"Ada", "Grace", "modelwright"}
    assert known.champion == reigns(known.records)[-1].version
    assert known.champion in (2, 3)


@pytest.mark.usefixtures("unlocked")
def test_a_champion_that_comes_up_meanwhile_is_not_replaced_unseen(
    project: Project, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever compared with version 1 does not replace 3: it is asked anew, once another record is seen."""
    monkeypatch.setattr(alias_history, "_PAUSE", 0.01)
    crown(project, client, 1)

    def act(num_writes: int, _: str) -> None:
        if num_writes == 0:
            crown(project, store.connect(project), 3, Grounds(who="Grace", reason="because"))

    def targets(aliases: Any) -> dict[str, int | None]:
        if aliases["champion"] != 1:
            raise UserError("became champion meanwhile")
        return {"champion": 2}

    with pytest.raises(UserError, match="became champion meanwhile"):
        move(project, Between(client, act), NAME, targets, ADA)  # type: ignore[arg-type]
    assert whole(client).aliases == {"champion": 3, "previous": 1}


@pytest.mark.usefixtures("unlocked")
def test_a_record_that_comes_late_is_gone_on_from(project: Project, client: MlflowClient) -> None:
    """Its writer read the history before two others were written; what they go on from does not name it."""
    crown(project, client, 1)

    def act(num_writes: int, _: str) -> None:
        if num_writes == 0:
            for version in (3, 4):
                crown(project, store.connect(project), version)

    crown(project, Between(client, act), 2)
    known = whole(client)
    late = [record for record in known.records if record.number == 2]
    assert len(late) == 2
    assert known.aliases == {"champion": 2, "previous": 4}


@pytest.mark.parametrize("locked", [True, False])
def test_processes_that_promote_at_the_same_moment_lose_nothing(
    project: Project, client: MlflowClient, locked: bool
) -> None:
    promote_at_once(project, locked=locked)
    known = whole(client)
    # Each of both was champion, whatever the order, and each of the moves is told.
    assert {record.who for record in known.records} >= {"process 1", "process 2"}
    assert len(reigns(known.records)) >= 2
    assert known.champion == reigns(known.records)[-1].version
    assert look(project, client, NAME) == known


def test_a_record_is_kept_though_its_database_held_a_deleted_champion(project: Project, client: MlflowClient) -> None:
    """MLflow takes the aliases of a version with it; another store, or a hand in the database, may not."""
    crown(project, client, 1)
    client.delete_model_version(NAME, "2")
    write_to_database(project, "UPDATE registered_model_aliases SET version = 2 WHERE alias = 'champion'")
    known = look(project, client, NAME)
    assert known.champion == 2
    assert crown(project, client, 3).aliases == {"champion": 3, "previous": 1}
    whole(client)


def tag_of(record: AliasRecord) -> str:
    return f"modelwright.history.{record.label}"


def test_no_look_hides_what_was_taken_out_or_changed(project: Project, client: MlflowClient) -> None:
    for version in (1, 2, 3):
        crown(project, client, version)
    last = in_order(whole(client).records)[-1]
    client.delete_registered_model_tag(NAME, tag_of(last))
    # It sees the champion anew, and goes on.
    known = look(project, client, NAME)
    assert in_order(known.records)[-1].who == "outside"
    [problem] = verify(known.kept, marks(client, NAME)).problems
    assert (
        problem
        == f"version 3 bears the mark of record {last.label}, which is not there: that one was taken out or changed"
    )
    client.set_registered_model_tag(NAME, tag_of(last), last.text())
    first = in_order(known.records)[0]
    client.set_registered_model_tag(NAME, tag_of(first), first.text().replace("Ada", "Eve"))
    known = look(project, client, NAME)
    crown(project, client, 4)
    problems = verify(read_aliases(client, NAME).kept, marks(client, NAME)).problems
    assert f"record {first.label} was changed: it is not what its hash was made of" in problems


def test_a_record_that_is_put_in_as_the_last_moves_no_alias(project: Project, client: MlflowClient) -> None:
    crown(project, client, 1)
    forged = new_record(read_aliases(client, NAME).records, {"champion": (1, 4)}, who="Ada", reason="never said")
    client.set_registered_model_tag(NAME, tag_of(forged), forged.text())
    known = look(project, client, NAME)
    assert known.aliases == {"champion": 1}
    assert forged.hash in in_order(known.records)[-1].annuls


@pytest.mark.sqlite
def test_a_lock_that_another_process_holds_is_said(
    project: Project, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from filelock import FileLock

    monkeypatch.setattr(alias_history, "_LOCK_SECONDS", 0.1)
    lock = FileLock(project.tracking / "mlflow.lock", is_singleton=False)
    with lock, pytest.raises(UserError, match=r"mlflow\.lock: another process holds it"):
        look(project, client, NAME)
    look(project, client, NAME)


def test_a_model_that_is_renamed_keeps_its_history(project: Project, client: MlflowClient) -> None:
    crown(project, client, 1)
    crown(project, client, 2)
    client.rename_registered_model(NAME, "leavers")
    known = look(project, client, "leavers")
    assert (len(known.records), known.aliases) == (2, {"champion": 2, "previous": 1})
    assert verify(known.kept, marks(client, "leavers")).problems == ()

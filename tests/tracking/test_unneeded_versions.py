"""Versions of every kind on a real store: which may go, that they go whole, and that the history answers afterwards."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from tasks.command.cli import main
from tasks.paths import Project
from tasks.promotion.history import new_record
from tasks.promotion.retention import Need, VersionKey, VersionPolicy, needs
from tasks.tracking import alias_history, store
from tasks.tracking.alias_history import Grounds, move
from tasks.tracking.known_versions import KnownRegistry, known_registry, version_uses
from tasks.tracking.registered import copy_of
from tasks.tracking.registry_overview import all_versions
from tasks.tracking.tags import MODEL_TAG, PROMOTION_TAG, START_TAG
from tasks.tracking.unneeded_versions import (
    UnneededVersion,
    remove_models,
    remove_versions,
    removed_before,
    unneeded_models,
    unneeded_versions,
)
from tests.registry import NAME, project_with_versions, write_to_database

pytestmark = pytest.mark.chain

DAYS = 90
OLD = 1_577_836_800_000
"""The year 2020, in ms: when all versions but the youngest were made."""

KEPT: dict[int, Need] = {
    2: "began from",
    4: "alias",
    5: "alias",
    6: "alias",
    7: "alias of late",
    8: "alias of late",
    9: "alias of late",
    10: "alias",
    12: "compared with",
    13: "young",
    14: "answered of late",
}
"""1 and 3 reigned long ago, 11 never; 5 is champion, and its training began from 2."""


@pytest.fixture
def project(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    project = project_with_versions(tmp_path, empty_store, num_versions=14)
    client = store.connect(project)
    write_to_database(project, f"UPDATE model_versions SET creation_time = {OLD} WHERE version <> 13")
    lately = datetime.now(UTC) - timedelta(days=10)
    reigns = [(number, datetime(2020, 1, day, tzinfo=UTC)) for day, number in enumerate((1, 2, 3, 8, 9), 2)]
    with monkeypatch.context() as patch:
        for number, moment in [*reigns, (7, lately), (4, lately), (5, lately)]:
            patch.setattr(alias_history, "new_record", partial(new_record, now=moment))
            move(project, client, NAME, lambda _, to=number: {"champion": to}, Grounds(who="Ada", reason="why"))
    client.set_registered_model_alias(NAME, "challenger", "6")
    client.set_registered_model_alias(NAME, "canary", "10")
    client.set_model_version_tag(NAME, "2", MODEL_TAG, "the digest of 2")
    client.set_model_version_tag(NAME, "5", START_TAG, "the digest of 2")
    client.set_model_version_tag(NAME, "5", PROMOTION_TAG, json.dumps({"champion_version": 12}))
    for version in all_versions(client, NAME):
        if int(version.version) in (1, 14):
            copy_of(project, version).mkdir(parents=True)
            if int(version.version) == 1:
                os.utime(copy_of(project, version), (1, 1))
    return project


def plan(project: Project) -> tuple[KnownRegistry, dict[VersionKey, Need], list[UnneededVersion]]:
    registry = known_registry(project)
    now = time.time()
    uses = version_uses(registry, {}, set(), now)
    kept = needs(uses, {NAME: VersionPolicy(before=now - DAYS * 86_400)})
    return registry, kept, unneeded_versions(registry, kept, {NAME: DAYS})


def numbers(project: Project) -> set[int]:
    return {int(version.version) for version in all_versions(store.connect(project), NAME)}


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    main([*arguments])
    streams = capsys.readouterr()
    return streams.out + streams.err


def test_what_no_one_needs_goes_and_the_history_says_so(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    registry, kept, going = plan(project)
    assert kept == {(NAME, number): need for number, need in KEPT.items()}
    assert not registry.faulty
    assert [version.key[1] for version in going] == [1, 3, 11]
    copy = going[0].copies[0]
    assert remove_versions(project, going, who="Ada") == going
    assert numbers(project) == set(KEPT)
    assert not copy.exists()
    registry, again, nothing = plan(project)
    assert (again, nothing) == (kept, [])
    assert removed_before(registry) == {(NAME, 1), (NAME, 3), (NAME, 11)}
    assert "the history is whole, 10 records" in printed(capsys, "history", NAME, "--verify")
    assert "removed 1, 3, 11\n" in printed(capsys, "history", NAME)
    # Who was champion is still known, and why that version is there no more.
    then = printed(capsys, "champion", NAME, "--at", "2020-01-02T12:00")
    assert "churn: version 1 was champion at 2020-01-02 12:00:00 UTC, which the registry has no more: it was" in then
    assert f" by Ada: gc: without an alias and an answer for {DAYS} days" in then
    content = json.loads(printed(capsys, "champion", NAME, "--at", "2020-01-02T12:00", "--json"))
    assert (content["version"], content["deleted"], content["removed"]["removes"]) == (1, True, [1, 3, 11])
    assert "has no version 3: it was removed at 2" in printed(capsys, "promote", NAME, "3", "--because", "why")
    assert "version 4 is champion, in the place of" in printed(capsys, "rollback", NAME, "--because", "why")
    # Of a history that somebody changed nobody knows which version reigned of late.
    client = store.connect(project)
    key, text = next(iter(client.get_registered_model(NAME).tags.items()))
    client.set_registered_model_tag(NAME, key, text.replace("why", "lie"))
    assert plan(project)[0].faulty == {NAME}


def test_what_is_cut_off_is_gone_on_with_and_an_alias_keeps_what_was_to_go(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, kept, going = plan(project)
    delete = MlflowClient.delete_model_version

    def cut_off(client: MlflowClient, name: str, version: str) -> None:
        if version == "3":
            raise KeyboardInterrupt
        delete(client, name, version)

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "delete_model_version", cut_off)
        with pytest.raises(KeyboardInterrupt):
            remove_versions(project, going, who="Ada")
    assert numbers(project) == {*KEPT, 3, 11}
    registry, still_kept, left = plan(project)
    assert still_kept == kept
    # Recorded already, and there still: only what is not counts as removed.
    assert removed_before(registry) == {(NAME, 1)}
    records = len(registry.aliases[NAME].records)
    # Somebody gives one of them an alias after the plan was made: a record of that, and none of the other one.
    store.connect(project).set_registered_model_alias(NAME, "staging", "3")
    assert [version.key[1] for version in remove_versions(project, left, who="Ada")] == [11]
    assert numbers(project) == {*KEPT, 3}
    assert len(known_registry(project).aliases[NAME].records) == records + 1


@pytest.fixture
def with_models(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Models of MLflow's in the experiment of `churn`, by what they are."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    project = project_with_versions(tmp_path, empty_store, num_versions=0)
    client = store.connect(project)
    experiment = store.experiment(client, project, NAME)
    models: dict[str, Any] = {}
    for what, tags in {"cut off": {MODEL_TAG: "a"}, "of a version": {MODEL_TAG: "b"}, "a person's": {}}.items():
        model = client.create_logged_model(experiment, name=NAME, tags=tags)
        models[what] = client.finalize_logged_model(model.model_id, "READY")
    models["at work"] = client.create_logged_model(experiment, name=NAME, tags={MODEL_TAG: "c"})
    of_version = models["of a version"]
    client.create_model_version(
        NAME,
        source=of_version.artifact_location,
        run_id=client.create_run(experiment).info.run_id,
        model_id=of_version.model_id,
        await_creation_for=0,
    )
    return {"project": project, **models}


def test_a_model_of_no_version_goes_and_no_other(with_models: dict[str, Any]) -> None:
    project = with_models["project"]
    versions = known_registry(project).versions
    assert unneeded_models(project, versions, {NAME: 0.0}) == []
    (unneeded,) = unneeded_models(project, versions, {NAME: time.time() + 1})
    assert unneeded.model_id == with_models["cut off"].model_id
    remove_models(project, [unneeded])
    assert unneeded_models(project, versions, {NAME: time.time() + 1}) == []
    left = {model.model_id for model in unneeded_models(project, [], {NAME: time.time() + 1})}
    assert left == {with_models["of a version"].model_id}

"""What becomes of a challenger whose champion somebody else left: in a store of this machine, and on a server.

Whatever is wrong with it, the champion is neither lost nor moved without a word.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import mlflow
import pytest
import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from sklearn.linear_model import LogisticRegression

from tasks import register
from tasks.errors import UserError
from tasks.params.file import load_pipeline
from tasks.params.register import Card
from tasks.paths import Paths
from tasks.tracking import store
from tasks.tracking.promoting import history
from tests.mlflow_server import running_server
from tests.postgres import PASSWORD, running_postgres
from tests.trained import retrained, trained

pytestmark = pytest.mark.chain

NAME = "mixed"


@pytest.fixture(scope="module", params=[pytest.param("a file", marks=pytest.mark.sqlite), "a server on PostgreSQL"])
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paths]:
    """A trained pipeline with an empty registry; the tests of this module run in order."""
    root = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        if request.param == "a file":
            patch.delenv("MLFLOW_TRACKING_URI", raising=False)
            yield trained(root)
            return
        folder = root / "server"
        folder.mkdir()
        with running_postgres() as postgres:
            backend = f"postgresql+psycopg://owner:{quote(PASSWORD, safe='')}@127.0.0.1:{postgres.port}/postgres"
            with running_server(backend, folder) as address:
                patch.setenv("MLFLOW_TRACKING_URI", address)
                yield trained(root)


def registered(paths: Paths, **settings: object) -> dict[str, Any]:
    """What is decided of the model, with these settings instead of the pipeline's own."""
    pipeline = load_pipeline(paths.project.params, NAME)
    config = pipeline.register_.model_copy(update=settings)
    register.run(pipeline.model_copy(update={"register_": config}), paths)
    verdict: dict[str, Any] = json.loads(paths.verdict.read_text())
    return verdict


def client_of(paths: Paths) -> MlflowClient:
    return store.connect(paths.project)


def aliases(paths: Paths) -> dict[str, int]:
    return {alias: int(number) for alias, number in client_of(paths).get_registered_model(NAME).aliases.items()}


def left_by_plain_mlflow(paths: Paths) -> int:
    """A version that a notebook registered by MLflow alone, and that somebody made champion: without a passport."""
    client = client_of(paths)
    experiment_id = client.get_experiment_by_name(NAME).experiment_id
    with _asked_by_mlflow_itself(client.tracking_uri), mlflow.start_run(experiment_id=experiment_id):
        model = LogisticRegression().fit([[0.0], [1.0]], ["no", "yes"])
        info = mlflow.sklearn.log_model(model, name="notebook", pip_requirements=[])
        version = mlflow.register_model(info.model_uri, NAME, await_registration_for=0)
    client.set_registered_model_alias(NAME, "champion", version.version)
    return int(version.version)


def test_a_registry_that_goes_away_in_the_middle_loses_nothing(project):
    """After the third tag of the version that is being registered."""
    with pytest.MonkeyPatch.context() as patch:
        calls = _cut_off_after(patch, 3)
        with pytest.raises(UserError, match="the tracking store cannot be used"):
            registered(project)
    assert len(calls) == 4
    assert aliases(project) == {}
    assert registered(project)["decision"] == "promote"
    assert aliases(project) == {"champion": 1}
    # The version that was begun is the one that is ended.
    assert [int(one.version) for one in client_of(project).search_model_versions(f"name = '{NAME}'")] == [1]


def test_a_card_that_is_longer_than_a_database_takes_is_shortened_and_whole_beside_it(project):
    """SQLite keeps any length; PostgreSQL and MySQL refuse more than the column has."""
    card = Card(intended_use="to call customers", limitations=f"{'never for new towns, ' * 300}nor for children")
    assert registered(project, card=card)["decision"] == "promote"
    client = client_of(project)
    version = client.get_model_version(NAME, "1")
    assert len(version.description) <= 5_000
    assert "Shortened: all of it is in card.md among the files of the run." in version.description
    assert "- for: to call customers\n" in version.description
    assert "[the run](" in version.description
    assert "nor for children" in Path(client.download_artifacts(version.run_id, "card.md")).read_text()


def _cut_off_after(monkeypatch: pytest.MonkeyPatch, num_calls: int) -> list[str]:
    """Lets so many tags of versions be set, and answers then as MLflow does when nobody is there."""
    calls: list[str] = []
    set_tag = MlflowClient.set_model_version_tag

    def cut(client: MlflowClient, *arguments: Any, **more: Any) -> None:
        calls.append("set_model_version_tag")
        if len(calls) > num_calls:
            raise requests.exceptions.ConnectionError("nobody is there")
        set_tag(client, *arguments, **more)

    monkeypatch.setattr(MlflowClient, "set_model_version_tag", cut)
    return calls


@contextmanager
def _asked_by_mlflow_itself(uri: str) -> Iterator[None]:
    """The store of whatever MLflow does in this process, and of none that comes after: MLflow keeps it in the
    environment as well."""
    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(None)
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        if before is not None:
            os.environ["MLFLOW_TRACKING_URI"] = before


def test_a_champion_of_plain_mlflow_stays_and_the_verdict_says_why(project):
    retrained(project, 0.9)
    number = left_by_plain_mlflow(project)
    verdict = registered(project)
    assert verdict["decision"] == "hold"
    sentence = verdict["promotion"]["sentence"]
    assert f"the champion, version {number}, was not compared" in sentence
    assert "was not registered by Modelwright" in sentence
    assert aliases(project)["champion"] == number
    # As the sentence advises.
    assert "register: not_comparable: promote" in sentence
    assert registered(project, not_comparable="promote")["decision"] == "promote"
    assert aliases(project) == {"champion": number + 1, "previous": number}


def test_a_champion_whose_files_are_gone_stays_and_the_verdict_says_why(project):
    champion = aliases(project)["champion"]
    source = client_of(project).get_model_version(NAME, str(champion)).source
    (folder,) = project.project.root.rglob(re.search(r"m-[0-9a-f]{32}", source).group())
    shutil.rmtree(folder)
    retrained(project, 0.8)
    verdict = registered(project)
    assert verdict["decision"] == "hold"
    assert "its files are gone from the store, or are no model" in verdict["promotion"]["sentence"]
    assert aliases(project)["champion"] == champion


def test_a_champion_that_was_deleted_is_named_by_who_takes_its_place(project):
    champion = aliases(project)["champion"]
    client_of(project).delete_model_version(NAME, str(champion))
    assert "champion" not in aliases(project)
    verdict = registered(project)
    assert verdict["decision"] == "promote"
    assert verdict["promotion"]["sentence"].startswith(
        f"there is no champion to compare with, as version {champion}, which was it last, was deleted or lost the alias"
    )
    records, carried_out = history(project.project, NAME)
    assert {record.hash for record in records} == carried_out
    reasons = [record.reason for record in records]
    assert f"version {champion} was deleted in MLflow itself, which was seen then" in reasons


def test_an_alias_without_its_version_is_no_champion(project):
    """As a backup leaves it that was restored in part: MLflow itself takes the alias along."""
    champion = aliases(project)["champion"]
    with _without_version(project, champion):
        retrained(project, 0.6)
        verdict = registered(project)
    assert verdict["decision"] == "promote"
    assert f"version {champion}, which was it last, was deleted or lost the alias" in verdict["promotion"]["sentence"]
    assert aliases(project)["champion"] > champion


@contextmanager
def _without_version(paths: Paths, number: int) -> Iterator[None]:
    """The registry as if it had lost the version, and nothing else of it."""
    get = MlflowClient.get_model_version

    def lost(client: MlflowClient, name: str, version: str) -> Any:
        if int(version) == number:
            raise MlflowException(f"no version {number}", error_code=RESOURCE_DOES_NOT_EXIST)
        return get(client, name, version)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MlflowClient, "get_model_version", lost)
        yield

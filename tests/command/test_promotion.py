"""`modelwright promote`, `rollback`, `champion` and `history`, on a real store."""

from __future__ import annotations

import json
import re
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from tasks.command.cli import main
from tasks.paths import Project
from tasks.tracking import store
from tests.registry import NAME, files_of, project_with_versions, write_to_database

pytestmark = pytest.mark.chain

Printed = Callable[..., str]


@pytest.fixture
def project(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Versions 1 to 4 without an alias, in the working directory; git has a name for who sits here."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.name")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "Ada Example")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    return project_with_versions(tmp_path, empty_store)


@pytest.fixture
def client(project: Project) -> MlflowClient:
    return store.connect(project)


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    def run(*arguments: str, code: int = 0) -> str:
        assert main([*arguments]) == code
        output = capsys.readouterr()
        assert bool(output.err) == (code != 0)
        return output.err if code else output.out

    return run


@pytest.fixture
def promoted(project: Project, printed: Printed) -> Project:
    """1, 2 and 3 were champion, one after the other."""
    for version in ("1", "2", "3"):
        printed("promote", NAME, version, "--because", f"reason {version}")
    return project


def as_json(text: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(text)
    return content


def test_promote_makes_a_version_champion_and_keeps_why(promoted: Project, printed: Printed) -> None:
    aliases = store.connect(promoted).get_registered_model(NAME).aliases
    assert {alias: int(number) for alias, number in aliases.items()} == {"champion": 3, "previous": 2}
    line = printed("promote", NAME, "4", "--because", "  approved\n")
    assert re.fullmatch(r"churn: version 4 is champion, in the place of version 3; record 000004\.[0-9a-f]{8}\n", line)
    record = as_json(printed("history", NAME, "--json"))["records"][0]
    assert (record["who"], record["reason"]) == ("Ada Example", "approved")
    assert record["verdict"] == "version 4 is surely better"
    assert record["moves"] == {"champion": [3, 4], "previous": [2, 3]}
    signed = store.connect(promoted).get_model_version(NAME, "4").tags["modelwright.signed_off_by"]
    assert signed == "Ada Example: approved"


def test_who_is_champion_already_stays_it(promoted: Project, printed: Printed) -> None:
    assert printed("promote", NAME, "3", "--because", "again") == (
        "churn: version 3 is champion already: nothing to do\n"
    )
    content = as_json(printed("promote", NAME, "3", "--because", "again", "--json"))
    assert content == {"name": NAME, "champion": 3, "previous": 3, "further_back": None, "moved": False, "record": None}
    assert len(as_json(printed("history", NAME, "--json"))["records"]) == 3


def test_the_challenger_that_is_promoted_asks_no_more(
    promoted: Project, client: MlflowClient, printed: Printed
) -> None:
    client.set_registered_model_alias(NAME, "challenger", "4")
    content = as_json(printed("promote", NAME, "4", "--because", "approved", "--json"))
    assert (content["champion"], content["previous"], content["moved"]) == (4, 3, True)
    assert content["record"]["moves"] == {"challenger": [4, None], "champion": [3, 4], "previous": [2, 3]}


@pytest.mark.parametrize(
    ("version", "because", "message"),
    [
        ("9", "why", "error: churn: has no version 9: it was deleted, or never made; give one of 1, 2, 3\n"),
        ("4", "why", "error: churn: has no version 4: it was deleted"),
        pytest.param(
            "2", "why", "of the files of version 2 in the store, MLmodel is missing", marks=pytest.mark.sqlite
        ),
        (
            "1",
            "why",
            "of the files of version 1 in the store, MLmodel is damaged; give another one, or `modelwright run",
        ),
        ("five", "why", "error: five: is no version of churn; give its number"),
        ("3", "", "error: --because: is empty; say why, such as --because"),
        ("3", " \n", "error: --because: is empty"),
        ("3", "a" * 2000, "error: --because: is too long for the registry"),
    ],
)
def test_what_cannot_be_promoted_is_said_and_nothing_moves(
    project: Project, client: MlflowClient, printed: Printed, version: str, because: str, message: str
) -> None:
    client.delete_model_version(NAME, "4")
    shutil.rmtree(files_of(project, 2))
    (files_of(project, 1) / "MLmodel").write_text("artifact_path: another\n")
    assert message in printed("promote", NAME, version, "--because", because, code=2)
    assert client.get_registered_model(NAME).aliases == {}
    assert client.get_registered_model(NAME).tags == {}


@pytest.mark.parametrize("command", ["promote", "rollback"])
def test_a_reason_is_never_left_out(project: Project, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, NAME, *(["3"] if command == "promote" else [])])
    assert ended.value.code == 2
    assert "the following arguments are required: --because" in capsys.readouterr().err


def test_rollback_goes_to_the_champion_before_and_there_again(promoted: Project, printed: Printed) -> None:
    line = printed("rollback", NAME, "--because", "too many false alarms")
    assert line.startswith("churn: version 2 is champion, in the place of version 3; record 000004.")
    further = "`modelwright rollback churn --to 1 --because WHY` goes further back"
    assert line.endswith(f"\n  the same again goes forward to version 3; {further}\n")
    line = printed("rollback", NAME, "--because", "it was not the model")
    assert line.startswith("churn: version 3 is champion")
    assert line.endswith("\n  the same again goes forward to version 2\n")
    assert printed("rollback", NAME, "--to", "1", "--because", "as it was").startswith("churn: version 1 is champion")
    assert printed("rollback", NAME, "--to", "1", "--because", "again").endswith("already: nothing to do\n")


def test_rollback_to_who_was_champion_at_a_time(promoted: Project, printed: Printed) -> None:
    second = as_json(printed("history", NAME, "--json"))["records"][1]["time"]
    content = as_json(printed("rollback", NAME, "--to", second, "--because", "as it was then", "--json"))
    assert (content["champion"], content["previous"]) == (2, 3)


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("2020-01-01", r"its history begins at \S+ \S+ UTC, and who was champion at 2020-01-01 00:00:00 UTC nobody"),
        ("2999-01-01T12:00", "2999-01-01 12:00:00 UTC has not come yet"),
        ("yesterday", "yesterday: is no time; write 2026-10-01"),
        ("9", "has no version 9"),
        ("v2", "v2: is no time"),
    ],
)
def test_where_rollback_cannot_go_is_said(promoted: Project, printed: Printed, to: str, message: str) -> None:
    assert re.search(message, printed("rollback", NAME, "--to", to, "--because", "why", code=2))
    assert as_json(printed("champion", NAME, "--json"))["version"] == 3


def test_rollback_without_a_former_champion_and_to_one_that_is_gone(
    project: Project, client: MlflowClient, printed: Printed
) -> None:
    assert "its history has no champion before" in printed("rollback", NAME, "--because", "why", code=2)
    for version in ("1", "2"):
        printed("promote", NAME, version, "--because", "why")
    shutil.rmtree(files_of(project, 1))
    assert re.search(
        r"of the files of version 1 in the store, MLmodel is missing|"
        r"version 1: its files cannot be fetched from \S+ \(404 Client Error: Not Found\); give a version",
        printed("rollback", NAME, "--because", "why", code=2),
    )
    client.delete_model_version(NAME, "1")
    assert "has no version 1: it was deleted" in printed("rollback", NAME, "--because", "why", code=2)


def test_the_champion_with_all_that_is_known_of_it(promoted: Project, printed: Printed) -> None:
    lines = printed("champion", NAME).splitlines()
    assert lines[0] == "churn: version 3 is champion"
    assert re.fullmatch(r"  since    \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", lines[1])
    assert lines[2:5] == [
        "  who      Ada Example",
        "  because  reason 3",
        "  verdict  version 3 is surely better",
    ]
    first = as_json(printed("history", NAME, "--json"))["records"][-1]["time"]
    content = as_json(printed("champion", NAME, "--at", first, "--json"))
    assert (content["version"], content["since"], content["because"]) == (1, first, "reason 1")
    assert content["until"] > first
    assert printed("champion", NAME, "--at", first).startswith("churn: version 1 was champion at ")


def test_a_move_in_mlflow_itself_is_told_with_when_it_was_seen(
    promoted: Project, client: MlflowClient, printed: Printed
) -> None:
    third = as_json(printed("history", NAME, "--json"))["records"][0]["time"]
    client.set_registered_model_alias(NAME, "champion", "1")
    text = printed("champion", NAME)
    assert "churn: version 1 is champion\n  seen at  " in text
    assert "  who      outside\n" in text
    assert "when a move in MLflow itself was seen: it was made at some moment before" in printed(
        "champion", NAME, "--at", third
    )
    assert client.get_registered_model(NAME).aliases["previous"] in (3, "3")


def test_without_a_champion(project: Project, client: MlflowClient, printed: Printed) -> None:
    assert printed("champion", NAME) == "churn: no version is champion\n"
    assert printed("history", NAME) == "churn: no alias was ever set, so there is no history\n"
    assert as_json(printed("champion", NAME, "--json"))["version"] is None
    assert printed("history", NAME, "--verify") == "churn: the history is whole, 0 records\n"
    printed("promote", NAME, "1", "--because", "why")
    client.delete_registered_model_alias(NAME, "champion")
    assert "churn: no version is champion\n  seen at" in printed("champion", NAME)


def test_a_champion_that_was_deleted_is_said_so(promoted: Project, client: MlflowClient, printed: Printed) -> None:
    """MLflow takes the alias with the version; another store, or a hand in the database, may not."""
    client.delete_model_version(NAME, "4")
    write_to_database(promoted, "UPDATE registered_model_aliases SET version = 4 WHERE alias = 'champion'")
    assert printed("champion", NAME).startswith(
        "churn: version 4 is champion, which the registry has no more: it was deleted\n"
    )
    assert printed("rollback", NAME, "--because", "it is gone").startswith("churn: version 3 is champion")


def test_the_history_is_a_table_with_the_newest_first(promoted: Project, printed: Printed) -> None:
    lines = printed("history", NAME).splitlines()
    assert lines[0].split() == ["record", "when", "who", "moves"]
    assert [line.split(".")[0] for line in lines[1::3]] == ["000003", "000002", "000001"]
    assert lines[1].endswith(" UTC  Ada Example  champion 2 -> 3, previous 1 -> 2")
    assert lines[2:4] == ["  because  reason 3", "  verdict  version 3 is surely better"]
    assert lines[-3].endswith("champion none -> 1")


def test_a_registry_from_before_the_history_is_taken_over(
    project: Project, client: MlflowClient, printed: Printed
) -> None:
    client.set_registered_model_alias(NAME, "champion", "2")
    record = as_json(printed("history", NAME, "--json"))["records"][0]
    assert (record["who"], record["reason"]) == ("outside", "before the history began")
    assert "rollback" not in printed("champion", NAME)
    assert "its history has no champion before" in printed("rollback", NAME, "--because", "why", code=2)


def test_verify_says_how_long_the_chain_is_and_holds_a_hash(promoted: Project, printed: Printed) -> None:
    content = as_json(printed("history", NAME, "--verify", "--json"))
    assert {**content, "heads": None} == {
        "name": NAME,
        "whole": True,
        "problems": [],
        "num_records": 3,
        "heads": None,
    }
    [head] = content["heads"]
    text = printed("history", NAME, "--verify")
    assert f"churn: the history is whole, 3 records\n  last hash  {head}\n" in text
    # As it advises.
    arguments = re.search(r"`modelwright (history churn --verify --head [0-9a-f]+)`", " ".join(text.split()))
    assert arguments
    printed("promote", NAME, "4", "--because", "why")
    assert "whole, 4 records" in printed(*arguments[1].split())
    assert "whole, 4 records" in printed("history", NAME, "--head", head[:12])
    assert f"no record has the hash {'0' * 64}" in printed("history", NAME, "--verify", "--head", "0" * 64, code=3)
    assert "nonsense: is no hash" in printed("history", NAME, "--verify", "--head", "nonsense", code=2)


def test_verify_ends_with_3_and_says_which_record(promoted: Project, client: MlflowClient, printed: Printed) -> None:
    tags = client.get_registered_model(NAME).tags
    key = sorted(tags)[1]
    label = key.removeprefix("modelwright.history.")
    client.set_registered_model_tag(NAME, key, tags[key].replace("reason 2", "reason 9"))
    message = printed("history", NAME, "--verify", code=3)
    assert message.startswith("error: churn: the history of its aliases is not whole:\n  record")
    assert f"  record {label} was changed: it is not what its hash was made of\n" in message
    client.delete_registered_model_tag(NAME, key)
    assert f"goes on from {label[7:]}, which is not there" in printed("history", NAME, "--verify", code=3)
    client.set_registered_model_tag(NAME, key, tags[key])
    assert "the history is whole, 3 records" in printed("history", NAME, "--verify")
    client.delete_registered_model_tag(NAME, sorted(tags)[2])
    assert main(["history", NAME, "--verify", "--json"]) == 3


COMMANDS = [
    ("promote", NAME, "1", "--because", "why"),
    ("rollback", NAME, "--because", "why"),
    ("champion", NAME),
    ("history", NAME),
    ("history", NAME, "--verify"),
]


@pytest.mark.parametrize("arguments", COMMANDS)
def test_a_model_that_does_not_exist(project: Project, printed: Printed, arguments: tuple[str, ...]) -> None:
    for name, advice in (("chorn", "did you mean churn?"), ("churn@champion", "known are churn"), ("", "known are")):
        given = [name if argument == NAME else argument for argument in arguments]
        assert f"error: {name}: the registry has no model {name}; {advice}" in printed(*given, code=2)


@pytest.mark.parametrize("arguments", COMMANDS)
def test_a_registry_that_cannot_be_reached(
    project: Project, printed: Printed, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    message = printed(*arguments, code=2)
    assert f"error: {address}: the tracking store cannot be used (no connection" in message
    assert "start it, or mend MLFLOW_TRACKING_URI; then give the command again" in message


@pytest.mark.sqlite
@pytest.mark.parametrize("arguments", COMMANDS)
def test_a_project_in_which_nothing_was_registered(
    tmp_path: Path, printed: Printed, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("pipelines: {}\n")
    assert "churn: no model was registered in" in printed(*arguments, code=2)
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]

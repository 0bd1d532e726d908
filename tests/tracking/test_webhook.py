"""Moves in MLflow itself, told by its own webhooks: believed when they are signed, and written down at once."""

from __future__ import annotations

import json
import os
import threading
import time
import urllib.error
import urllib.request
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mlflow.webhooks.delivery import _generate_hmac_signature

from tasks.command.cli import main
from tasks.paths import Project
from tasks.tracking import store
from tasks.tracking.promoting import history
from tasks.tracking.webhook import SECRET_VARIABLE, AliasReceiver, is_signed
from tests.mlflow_server import running_server

NAME, KEY = "churn", "what only the two of them know"
MOVED = {
    "entity": "model_version_alias",
    "action": "created",
    "data": {"name": NAME, "alias": "champion", "version": "1"},
}


def signed(body: bytes, moment: int, key: str = KEY) -> dict[str, str]:
    return {
        "X-MLflow-Signature": _generate_hmac_signature(key, "delivery-1", str(moment), body.decode()),
        "X-MLflow-Timestamp": str(moment),
        "X-MLflow-Delivery-Id": "delivery-1",
    }


def test_what_mlflow_signs_is_believed_and_nothing_else() -> None:
    body, now = json.dumps(MOVED).encode(), 1_800_000_000
    assert is_signed(signed(body, now), body, KEY, now + 20.0)
    assert not is_signed(signed(body, now, key="another"), body, KEY, now)
    assert not is_signed(signed(body, now), body + b" ", KEY, now)
    assert not is_signed(signed(body, now), body, KEY, now + 301.0), "a copy that is sent again"
    assert not is_signed({**signed(body, now), "X-MLflow-Delivery-Id": "delivery-2"}, body, KEY, now)
    assert not is_signed({}, body, KEY, now)
    assert not is_signed({**signed(body, now), "X-MLflow-Timestamp": "soon"}, body, KEY, now)


@contextmanager
def serving(receiver: AliasReceiver) -> Iterator[None]:
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        receiver.shutdown()
        thread.join()
        receiver.server_close()


def answer(receiver: AliasReceiver, body: bytes, headers: dict[str, str]) -> int:
    request = urllib.request.Request(receiver.address, data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            status: int = reply.status
            return status
    except urllib.error.HTTPError as error:
        return error.code


def test_each_message_has_its_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    receiver = AliasReceiver(Project(root=tmp_path), NAME, KEY, 0)
    now = int(time.time())
    with serving(receiver):
        body = json.dumps(MOVED).encode()
        assert answer(receiver, body, {}) == 401
        # The registry is not there: MLflow is to send it again.
        assert answer(receiver, body, signed(body, now)) == 503
        for other in ({"entity": "prompt"}, {**MOVED, "data": {"name": "another"}}, ["churn"]):
            body = json.dumps(other).encode()
            assert answer(receiver, body, signed(body, now)) == 204
        assert answer(receiver, b"no JSON", signed(b"no JSON", now)) == 204
        assert answer(receiver, b"x" * (65 << 10), {}) == 413
    assert receiver.num_looks == 0


@pytest.mark.parametrize(
    ("port", "secret", "message"), [("8765", "", SECRET_VARIABLE), ("70000", KEY, "--listen 70000: cannot")]
)
def test_a_mistake_is_one_message(
    port: str,
    secret: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("pipelines: {}\n")
    monkeypatch.setenv(SECRET_VARIABLE, secret)
    assert main(["history", NAME, "--listen", port]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.chain
def test_a_move_in_mlflow_itself_is_written_down_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a real server, which is let call loopback without TLS for this."""
    for name, value in {
        "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http",
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
        "MLFLOW_WEBHOOK_SECRET_VARIABLE_ENCRYPTION_KEY": urlsafe_b64encode(os.urandom(32)).decode(),
    }.items():
        monkeypatch.setenv(name, value)
    settings = {name: value for name, value in os.environ.items() if "MLFLOW_WEBHOOK" in name}
    with running_server(f"sqlite:///{tmp_path}/server.db", tmp_path, **settings) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        project = Project(root=tmp_path)
        client = store.connect(project)
        client.create_registered_model(NAME)
        run = client.create_run(client.create_experiment(NAME))
        source = f"{run.info.artifact_uri}/model"
        client.create_model_version(NAME, source=source, run_id=run.info.run_id, await_creation_for=0)
        receiver = AliasReceiver(project, NAME, KEY, 0)
        client.create_webhook(
            "aliases",
            receiver.address,
            ["model_version_alias.created", "model_version_alias.deleted"],
            secret=KEY,
        )
        with serving(receiver):
            client.set_registered_model_alias(NAME, "champion", "1")
            until = time.monotonic() + 60
            while receiver.num_looks == 0 and time.monotonic() < until:
                time.sleep(0.1)
        assert receiver.num_looks >= 1
        (tag,) = [tag for tag in client.get_registered_model(NAME).tags if tag.startswith("modelwright.history.")]
        records, _ = history(project, NAME)
        assert [(record.who, dict(record.moves)) for record in records] == [("outside", {"champion": (None, 1)})]
        assert tag.endswith(records[0].label)

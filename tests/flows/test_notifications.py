"""Who is told how a run ended: a receiver on this machine gets it, and a block that fails is a line in the log."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, TCPServer
from threading import Thread
from typing import Any

import pytest

from tasks.errors import GateError, UserError
from tasks.memo.chain import StageResult
from tasks.paths import Paths, Project
from tasks.reports import Report

pytestmark = pytest.mark.chain

REFUSAL = GateError("register: the gate says no to this version of churn:\n  accuracy 0.8 is below the least, 0.9")
MISTAKE = UserError("params.yaml: train.lerning_rate is unknown; did you mean learning_rate?")


class Receiver(HTTPServer):
    """Keeps what it is sent, and answers with `status`."""

    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.received: list[dict[str, str]] = []
        self.paths: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(json.loads(content))
        self.server.paths.append(self.path)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        thread = Thread(target=receiver.serve_forever)
        thread.start()
        yield receiver
        receiver.shutdown()
        thread.join()


class MailServer(TCPServer):
    """Keeps what it is sent, as RFC 5321 has it; refuses all receivers while `refuses` is true."""

    refuses = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), MailHandler)
        self.receivers: list[str] = []
        self.received: list[EmailMessage] = []


class MailHandler(StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self._say("220 ready")
        while line := self.rfile.readline().decode().strip():
            command = line[:4].upper()
            if command == "RCPT" and not self.server.refuses:
                self.server.receivers.append(line.partition(":")[2])
            if command == "DATA":
                self._say("354 go on")
                content = b"".join(iter(self.rfile.readline, b".\r\n")).replace(b"\r\n", b"\n")
                self.server.received.append(message_from_bytes(content, EmailMessage, policy=policy.default))
            if command == "QUIT":
                self._say("221 good bye")
                return
            self._say("550 no" if command == "RCPT" and self.server.refuses else "250 yes")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def paths(server: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.chdir(tmp_path)
    paths = Project(root=tmp_path).pipeline("churn")
    paths.reports.mkdir(parents=True)
    paths.report_page.write_text("")
    return paths


def asks(paths: Paths, block: str, *outcomes: str) -> None:
    on = f", on: [{', '.join(outcomes)}]" if outcomes else ""
    # That the rest of the block is wrong is what somebody is to be told.
    paths.project.params.write_text(f"pipelines:\n  churn: {{notify: {{block: {block}{on}}}}}\n")


def registered(outcome: Any, *aliases: str) -> list[StageResult]:
    numbers = {"name": "churn", "version": 4, "aliases": list(aliases)}
    report = Report(stage="register", figure="", numbers=numbers, diagnostics=("surely better by 0.02",))
    return [StageResult(stage="register", outcome=outcome, seconds=0.1, why=(), report=report)]


def end_with(
    outcome: UserError | ZeroDivisionError | KeyboardInterrupt | list[StageResult] | dict[str, Any],
    name: str = "training",
) -> Any:
    """A run with the hooks of the flow `training`, or of another one, which ends so."""
    from prefect import flow

    of = getattr(importlib.import_module(f"flows.{name}"), name)

    @flow(
        name=name,
        on_completion=of.on_completion_hooks,
        on_failure=of.on_failure_hooks,
        on_crashed=of.on_crashed_hooks,
    )
    def ending(pipeline: str) -> Any:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return ending("churn", return_state=True)


def test_a_webhook_is_told_what_to_do_and_where_to_look(paths: Paths, receiver: Receiver) -> None:
    from prefect.blocks.webhook import Webhook

    Webhook(url=receiver.url).save("told", overwrite=True)
    asks(paths, "webhook/told")
    run = end_with(REFUSAL).state_details.flow_run_id
    end_with(MISTAKE)
    end_with(ZeroDivisionError("of a bug"))
    end_with(registered("ran", "champion"))
    refused, failed, bug, promoted = receiver.received
    assert (refused["outcome"], refused["subject"]) == ("refused", "churn: a gate said no")
    text, _, places = refused["body"].partition("\n\n")
    assert text == str(REFUSAL)
    assert places.splitlines()[0].startswith("Run: http://127.0.0.1:")
    assert places.splitlines()[0].endswith(f"/runs/flow-run/{run}")
    assert places.splitlines()[1] == f"Report: {paths.report_page}"
    assert failed["outcome"] == bug["outcome"] == "failed"
    assert failed["subject"] == "churn, training: something has to be put right"
    assert bug["subject"] == "churn, training: the run failed"
    assert str(MISTAKE) in failed["body"]
    assert bug["body"].startswith("ZeroDivisionError; the run's log has the traceback")
    assert (promoted["outcome"], promoted["subject"]) == ("promoted", "churn: version 4 is champion")
    assert promoted["body"].startswith("surely better by 0.02")


def test_who_is_told_of_champions_is_told_of_those_by_live_rows(paths: Paths, receiver: Receiver) -> None:
    from prefect.blocks.webhook import Webhook

    Webhook(url=receiver.url).save("live", overwrite=True)
    asks(paths, "webhook/live")
    for state in (None, "proving", "undecided", "promoted", "rejected"):
        shadow = state and {"state": state, "challenger": 4, "sentence": f"version 4: {state} on 200 live rows"}
        end_with({"shadow": shadow}, "monitoring")
    end_with(MISTAKE, "monitoring")
    with pytest.raises(KeyboardInterrupt):
        end_with(KeyboardInterrupt(), "monitoring")
    promoted, rejected, failed, crashed = receiver.received
    assert (promoted["outcome"], promoted["subject"]) == ("promoted", "churn: version 4 is champion")
    assert promoted["body"].startswith("version 4: promoted on 200 live rows\n\nRun: ")
    assert (rejected["outcome"], rejected["subject"]) == ("refused", "churn: version 4 is challenger no more")
    assert (failed["outcome"], failed["subject"]) == ("failed", "churn, monitoring: something has to be put right")
    assert (crashed["outcome"], crashed["subject"]) == ("failed", "churn, monitoring: the run crashed")


def test_an_email_goes_to_each_receiver(paths: Paths, mail_server: MailServer) -> None:
    credentials = pytest.importorskip("prefect_email").EmailServerCredentials
    server, port = mail_server.server_address
    credentials(smtp_server=server, smtp_type="INSECURE", smtp_port=port).save("own", overwrite=True)
    block = "email-server-credentials/own"
    paths.project.params.write_text(
        f"pipelines:\n  churn: {{notify: {{block: {block}, to: [me@example.org, you@example.org]}}}}\n"
    )
    end_with(REFUSAL)
    [message] = mail_server.received
    assert mail_server.receivers == ["<me@example.org>", "<you@example.org>"]
    assert message["Subject"] == "churn: a gate said no"
    assert message["To"] == "me@example.org, you@example.org"
    assert message["From"].startswith("modelwright@")
    text = message.get_content()
    assert text.startswith(str(REFUSAL))
    assert f"Report: {paths.report_page}" in text


def test_a_mail_server_that_refuses_is_a_line(
    paths: Paths, mail_server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    credentials = pytest.importorskip("prefect_email").EmailServerCredentials
    server, port = mail_server.server_address
    credentials(smtp_server=server, smtp_type="INSECURE", smtp_port=port).save("refusing", overwrite=True)
    mail_server.refuses = True
    paths.project.params.write_text(
        "pipelines:\n  churn: {notify: {block: email-server-credentials/refusing, to: [me@example.org]}}\n"
    )
    assert end_with(registered("ran", "champion")).is_completed()
    [line] = [record.getMessage() for record in caplog.records if "nobody was told" in record.getMessage()]
    assert "email-server-credentials/refusing cannot be used (SMTPRecipientsRefused)" in line


def test_slack_gets_its_own_form(paths: Paths, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """At Slack's own path: the block takes no other host, so that the library is given one."""
    from apprise.plugins.slack import NotifySlack
    from prefect.blocks.notifications import SlackWebhook

    monkeypatch.setattr(NotifySlack, "webhook_url", f"http://127.0.0.1:{receiver.server_port}/services")
    address = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    SlackWebhook(url=address).save("slack", overwrite=True)
    asks(paths, "slack-webhook/slack")
    end_with(REFUSAL)
    [(path, message)] = zip(receiver.paths, receiver.received, strict=True)
    assert path == "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    shown = json.dumps(message)
    assert "churn: a gate said no" in shown
    assert "accuracy 0.8 is below the least, 0.9" in shown
    assert SlackWebhook(url=receiver.url)._apprise_client.urls() == []


def test_nobody_is_told_what_was_not_asked_for(paths: Paths, receiver: Receiver) -> None:
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    json_data = {"text": "{{subject}}"}
    block = CustomWebhookNotificationBlock(name="asked", url=receiver.url, json_data=json_data)
    block.save("asked", overwrite=True)
    asks(paths, "custom-webhook/asked", "refused", "promoted")
    end_with(MISTAKE)
    end_with(registered("ran", "challenger"))
    # It was champion before this run.
    end_with(registered("unchanged", "champion"))
    assert receiver.received == []
    end_with(REFUSAL)
    assert receiver.received == [{"text": "churn: a gate said no"}]
    paths.project.params.write_text("pipelines:\n  churn: {}\n")
    end_with(REFUSAL)
    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("custom-webhook/missing", "there is none of this type and name"),
        ("custom-webhook/refusing", "HTTPStatusError"),
        ("secret/refusing", "TypeError"),
    ],
)
def test_a_block_that_cannot_be_used_is_a_line_and_no_failure(
    paths: Paths, receiver: Receiver, name: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    from prefect.blocks.notifications import CustomWebhookNotificationBlock
    from prefect.blocks.system import Secret

    receiver.status = 500
    secret = f"{receiver.url}?token=secret"
    CustomWebhookNotificationBlock(name="x", url=secret, json_data={}).save("refusing", overwrite=True)
    Secret(value="of something else").save("refusing", overwrite=True)
    asks(paths, name)
    state = end_with(registered("ran", "champion"))
    assert state.is_completed()
    [line] = [record.getMessage() for record in caplog.records if "nobody was told" in record.getMessage()]
    assert f"block {name} cannot be used ({why})" in line
    assert "token=secret" not in caplog.text

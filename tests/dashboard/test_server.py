"""The page's server: it answers this machine's own browser, GET alone, and hands out nothing but reports."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tasks import files
from tasks.dashboard import lookout as lookout_module
from tasks.dashboard.content import Freshness
from tasks.dashboard.lookout import Lookout
from tasks.dashboard.prefect_server import prefect_pages
from tasks.dashboard.server import PageServer, report_file, serving_page
from tasks.errors import UserError
from tasks.paths import Project
from tests.projects import files_below
from tests.web import listening

PARAMS = "pipelines: {churn: {}, '<b>odd</b>': {}}\n"


@pytest.fixture(autouse=True)
def no_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """No store or Prefect server of whoever runs the tests."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(root=tmp_path / "shop")
    files.write_text(project.params, PARAMS)
    files.write_text(project.pipeline("churn").report_page, "<!doctype html>the report")
    return project


@pytest.fixture
def server(project: Project) -> Iterator[PageServer]:
    with serving_page(project, 0) as server:
        yield server


def asked(server: PageServer, path: str = "/", method: str = "GET", **headers: str) -> HTTPResponse:
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    connection.request(method, path, headers=headers)
    return connection.getresponse()


def test_a_fresh_project_has_a_page_and_no_file_is_left_behind(tmp_path: Path) -> None:
    project = Project(root=tmp_path)
    files.write_text(project.params, "pipelines: {}\n")
    with serving_page(project, 0) as server:
        text = asked(server).read().decode()
    assert "holds no pipelines; `modelwright init NAME SOURCE` writes one" in text
    assert "Nothing is tracked yet" in text
    assert files_below(tmp_path) == {f"{tmp_path.name}/params.yaml": b"pipelines: {}\n"}


def test_a_project_whose_files_are_damaged_has_a_page_that_says_so(project: Project) -> None:
    files.write_text(project.tracking / "mlflow.db", "no database")
    files.write_text(project.params, "pipelines: [\n")
    with serving_page(project, 0) as server:
        text = asked(server).read().decode()
    assert "params.yaml:2: not YAML" in text
    files.write_text(project.params, PARAMS)
    with serving_page(project, 0) as server:
        text = asked(server).read().decode()
    assert "the tracking store cannot be used" in text
    assert "&lt;b&gt;odd&lt;/b&gt;" in text


def test_it_listens_on_loopback_alone(server: PageServer) -> None:
    assert server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_it_answers_no_method_that_could_change_anything(server: PageServer, method: str) -> None:
    assert asked(server, method=method).status == 405


def test_head_is_get_without_the_page(server: PageServer) -> None:
    answer = asked(server, method="HEAD")
    assert (answer.status, answer.read()) == (200, b"")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1.evil.example:{port}", ""]
)
def test_a_name_that_was_made_to_lead_here_gets_nothing(server: PageServer, host: str) -> None:
    answer = asked(server, Host=host.format(port=server.server_port))
    assert answer.status == 421
    assert b"churn" not in answer.read()


def test_two_names_at_once_get_nothing(server: PageServer) -> None:
    with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
        name = f"Host: 127.0.0.1:{server.server_port}\r\n"
        connection.sendall(f"GET / HTTP/1.1\r\n{name}Host: evil.example\r\n\r\n".encode())
        assert b" 421 " in connection.recv(100)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]", "LOCALHOST"])
def test_its_own_names_are_answered(server: PageServer, name: str) -> None:
    assert asked(server, Host=f"{name}:{server.server_port}").status == 200


@pytest.mark.parametrize("path", ["/", "/reports/churn/report.html", "/nowhere"])
def test_every_answer_forbids_scripts_frames_and_what_is_elsewhere(server: PageServer, path: str) -> None:
    headers = dict(asked(server, path).getheaders())
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "http" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Access-Control-Allow-Origin" not in headers


def test_reports_are_handed_out_and_nothing_else(server: PageServer, project: Project) -> None:
    assert asked(server, "/reports/churn/report.html").read() == b"<!doctype html>the report"
    files.write_text(project.root / "secret.html", "secret")
    files.write_text(project.pipeline("churn").reports / "key.pem", "secret")
    (project.pipeline("churn").reports / "out.html").symlink_to("/etc/hostname")
    (project.root / "reports" / "away").symlink_to(project.root)
    for path in (
        "/reports/../secret.html",
        "/reports/churn/../../secret.html",
        "/reports/churn/%2e%2e/%2e%2e/secret.html",
        "/reports/churn/..%2f..%2fsecret.html",
        "/reports/churn/..%5c..%5csecret.html",
        "/reports//etc/passwd",
        "/reports/churn/key.pem",
        "/reports/churn/out.html",
        "/reports/away/secret.html",
        "/reports/churn",
        "/reports/churn/",
        "/reports/churn/no.html",
        "/reports/churn/%00.html",
        "/params.yaml",
    ):
        answer = asked(server, path)
        assert (answer.status, b"secret" in answer.read()) == (404, False), path


def test_a_report_that_is_a_link_into_the_cache_of_dvc_is_handed_out(project: Project, tmp_path: Path) -> None:
    kept = tmp_path / "cache" / "files" / "md5" / "ab" / "cdef"
    files.write_text(kept, "kept")
    link = project.pipeline("churn").reports / "linked.html"
    link.symlink_to(kept)
    assert report_file(project, "/reports/churn/linked.html") == link


def test_a_port_that_is_taken(project: Project, server: PageServer) -> None:
    with (
        pytest.raises(UserError, match="leave it out, and a free one is taken"),
        serving_page(project, server.server_port),
    ):
        pass


def test_a_page_does_not_wait_for_a_long_look_and_one_look_is_taken_at_a_time(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end, looks = threading.Event(), []

    def slow(_: Project, name: str, *, asks_registry: bool) -> Freshness:
        assert asks_registry
        looks.append(name)
        assert may_end.wait(60)
        return Freshness(kind="current")

    monkeypatch.setattr(lookout_module, "freshness_of", slow)
    lookout = Lookout(project)
    for _ in range(3):
        findings = lookout.findings(0.01, anew=True)
        assert findings.is_looking
        assert findings.freshness == {}
    may_end.set()
    findings = lookout.findings(60)
    assert (findings.is_looking, findings.freshness["churn"].kind) == (False, "current")
    assert looks == ["churn", "<b>odd</b>"]
    # Nothing has changed, so nobody looks.
    assert lookout.findings(60) == findings
    assert len(looks) == 2
    # An edit is looked at, and the pipeline that it took out is forgotten.
    files.write_text(project.params, "pipelines: {churn: {}}\n")
    assert [*lookout.findings(60).freshness] == ["churn"]
    assert looks == ["churn", "<b>odd</b>", "churn"]


def test_look_again_looks_and_leads_back(server: PageServer) -> None:
    first = server.lookout.findings(60).ended
    answer = asked(server, "/again")
    assert (answer.status, answer.getheader("Location")) == (303, "/")
    again = server.lookout.findings(60).ended
    assert first is not None
    assert again is not None
    assert again > first


class _Prefect(BaseHTTPRequestHandler):
    answer: Any = None

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        pass

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        # Of runs that schedules have made ahead, which are the newest, a hundred would leave no room for others.
        assert asked["flow_runs"] == {"start_time": {"is_null_": False}}
        body = json.dumps(type(self).answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_runs_of_a_prefect_server_are_those_of_the_projects_pipelines(monkeypatch: pytest.MonkeyPatch) -> None:
    run = {"id": "a", "name": "churn: failed at ingest", "state_name": "Failed", "parameters": {"pipeline": "churn"}}
    times = {"start_time": "2026-10-01T12:00:00Z", "end_time": "2026-10-01T12:01:30.5+00:00"}
    elsewhere = {**run, **times, "parameters": {"pipeline": "other"}}
    _Prefect.answer = [{**run, **times}, elsewhere, {**run, "start_time": None}, "no run"]
    with listening(_Prefect) as address:
        monkeypatch.setenv("PREFECT_API_URL", f"{address}/api")
        pages = prefect_pages(["churn"])
        assert pages is not None
        assert pages.address == f"{address}/"
        assert [(one.pipeline, one.state, one.seconds) for one in pages.runs] == [("churn", "Failed", 90.5)]
        _Prefect.answer = {"detail": "not Prefect"}
        assert prefect_pages(["churn"]) is None
        # A page's address has no password.
        monkeypatch.setenv("PREFECT_API_URL", address.replace("//", "//me:secret@"))
        assert prefect_pages(["churn"]) is None
    monkeypatch.setenv("PREFECT_API_URL", f"{address}/api")
    assert prefect_pages(["churn"]) is None

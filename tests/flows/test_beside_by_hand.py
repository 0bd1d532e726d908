"""A run on schedule and runs by hand of one pipeline, a process each: one works, one waits, one is refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event
from typing import ClassVar

import pytest
from prefect.client.orchestration import get_client

from tasks.paths import Project
from tests.flows.commands import output_of, process, until
from tests.projects import environment, make_project
from tests.web import listening

pytestmark = pytest.mark.chain

PARAMS = """\
pipelines:
  rows:
    ingest: {{source: {{kind: url, url: "{address}/rows.csv"}}, target: sold}}
    validate: {{}}
    split: {{}}
    clean: {{}}
    normalize: {{}}
    augment: {{}}
    train: {{kind: lightgbm}}
    evaluate: {{}}
    register: {{metric: rmse}}
"""

ON_SCHEDULE = """
from flows import retries
from flows.training import training

retries.FIRST_PAUSE = 0.01  # whoever tried again for a while only would have given up
training("rows", last="ingest")
"""


class Holding(BaseHTTPRequestHandler):
    """Gives its rows when it is let go; who has them already gets none."""

    let_go: ClassVar[Event] = Event()
    asked: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        self.asked.append(self.headers.get("If-None-Match"))
        if self.asked[-1] is not None:
            self.send_response(304)
            self.end_headers()
            return
        self.let_go.wait(120)
        content = b"sold,price\n" + b"".join(b"%d,%d\n" % (number, number) for number in range(40))
        self.send_response(200)
        self.send_header("ETag", '"one"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        pass


@pytest.fixture
def held(tmp_path: Path, empty_store: Path) -> Iterator[Project]:
    """A project whose stage ingest is at work until the server is let go."""
    Holding.let_go.clear()
    Holding.asked.clear()
    with listening(Holding) as address:
        project = make_project(tmp_path, store=empty_store)
        project.params.write_text(PARAMS.format(address=address))
        yield project
        Holding.let_go.set()


def run_names() -> list[str]:
    """As Prefect's pages show them."""
    with get_client(sync_client=True) as client:
        return [run.name for run in client.read_flow_runs()]


def test_one_works_one_waits_and_one_is_refused(held: Project, server: dict[str, str]) -> None:
    by_hand = [sys.executable, "-m", "tasks.command.cli", "run", "rows", "--plain", "--to", "ingest"]
    variables = {name: server[name] for name in ("PREFECT_API_URL", "PREFECT_HOME")}
    scheduled = environment(held.root, **variables, PREFECT__RUNTIME__DEPLOYMENT__ID="nightly")
    with process(by_hand, held.root, environment(held.root)) as first:
        until(lambda: Holding.asked)
        with process([sys.executable, "-c", ON_SCHEDULE], held.root, scheduled) as waiting:
            holder = f"another process is at work on the same files: modelwright ingest@rows (process {first.pid})"
            until(lambda: f"rows: ingest waits: {holder}" in run_names())
            refused = subprocess.run(
                by_hand, cwd=held.root, env=environment(held.root), capture_output=True, text=True, check=False
            )
            assert refused.returncode == 2
            assert f"{holder}; wait for it, then run again" in refused.stderr
            assert (first.poll(), waiting.poll()) == (None, None)
            Holding.let_go.set()
            assert (first.wait(60), waiting.wait(60)) == (0, 0)
    output = output_of(held.root).read_text()
    assert output.count(f"ingest waits: {holder}") == 1
    assert "Retry" not in output
    # What the first one did is there whole, and nobody did it again: the other one took it from the memo.
    assert output.count("ingest     ran") == 1
    assert output.count("Cached('restored: 40 rows, 2 columns'") == 1
    assert Holding.asked.count(None) == 1
    assert held.lock.read_text().count("  ingest@rows:\n") == 1

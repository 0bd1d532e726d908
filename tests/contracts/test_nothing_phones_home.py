"""The whole chain, and the temporary Prefect server with it, try no connection but to this machine."""

from __future__ import annotations

import ast
import sys

import pytest

from tasks.paths import Project
from tests.projects import command, modelwright

GUARD = '''
"""Refuses and records every connection and name look-up that leaves this machine; Python imports it at its start."""
import os, socket, sys

LOCAL = ("127.", "localhost", "::1", "0.0.0.0")

def refuse(event, arguments):
    if event == "socket.connect":
        address = arguments[1]
        target = address[0] if isinstance(address, tuple) else "unix:"
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        target = arguments[0]
    else:
        return
    name = target.decode() if isinstance(target, bytes) else str(target or "localhost")
    if name.startswith("unix:") or name.startswith(LOCAL) or name == socket.gethostname():
        return
    with open(os.environ["TRIED"], "a") as tried:
        tried.write(repr((event, name, sys.argv)) + "\\n")
    raise ConnectionRefusedError(f"no network in this test: {name}")

sys.addaudithook(refuse)
'''


@pytest.mark.chain
def test_the_whole_chain_stays_on_this_machine(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    guard, tried = tmp_path_factory.mktemp("guard"), tmp_path_factory.mktemp("tried") / "tried"
    (guard / "sitecustomize.py").write_text(GUARD)
    path = f"{guard}:{project.root}"

    call = "import socket; socket.create_connection(('192.0.2.1', 80))"
    checked = command(project.root, sys.executable, "-c", call, check=False, PYTHONPATH=path, TRIED=str(tried))
    assert checked.returncode != 0
    assert ast.literal_eval(tried.read_text().splitlines()[0])[1] == "192.0.2.1", "the guard itself must work"
    tried.unlink()

    modelwright(project.root, "run", "scans", "--json", PYTHONPATH=path, TRIED=str(tried))
    modelwright(project.root, "doctor", check=False, PYTHONPATH=path, TRIED=str(tried))
    assert not tried.exists(), tried.read_text()

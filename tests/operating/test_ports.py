"""Which port a server gets, who can reach it, and whether it answers."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tasks.errors import UserError
from tasks.operating.ports import answers, free_port, is_loopback, own_address


def test_a_taken_port_is_passed_by() -> None:
    with socket.create_server(("127.0.0.1", 0)) as first:
        taken = first.getsockname()[1]
        chosen = free_port("127.0.0.1", taken)
        assert taken < chosen <= taken + 99
        with socket.create_server(("127.0.0.1", chosen)):
            assert free_port("127.0.0.1", taken) > chosen
    assert free_port("127.0.0.1", taken) == taken


def test_a_host_that_is_not_this_machines() -> None:
    with pytest.raises(UserError, match=r"--host 192\.0\.2\.1: cannot be listened on"):
        free_port("192.0.2.1", 5000)


@pytest.mark.parametrize(
    ("host", "loopback", "address"),
    [
        ("127.0.0.1", True, "http://127.0.0.1:80"),
        ("127.8.9.1", True, "http://127.8.9.1:80"),
        ("localhost", True, "http://localhost:80"),
        ("::1", True, "http://[::1]:80"),
        ("0.0.0.0", False, "http://127.0.0.1:80"),
        ("::", False, "http://[::1]:80"),
        ("10.1.2.3", False, "http://10.1.2.3:80"),
        ("192.168.0.7", False, "http://192.168.0.7:80"),
        ("models.example.org", False, "http://models.example.org:80"),
        ("", False, "http://127.0.0.1:80"),
    ],
)
def test_who_can_reach_a_host_and_how_this_machine_does(host: str, loopback: bool, address: str) -> None:
    assert is_loopback(host) is loopback
    assert own_address(host, 80) == address


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_status_200_alone_is_an_answer() -> None:
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert answers(f"{address}/health")
        assert not answers(f"{address}/other")
        server.shutdown()
    assert not answers(f"{address}/health")

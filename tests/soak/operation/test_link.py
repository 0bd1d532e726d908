"""The link that fails on request: whole it changes nothing, cut nobody gets through, stalled all arrives later."""

from __future__ import annotations

import http.client
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.soak.operation.link import Link
from tests.web import Answers, serving


@pytest.fixture
def server() -> Iterator[Answers]:
    with serving(b"rows" * 50_000) as answers:
        yield answers


@pytest.fixture
def link(server: Answers) -> Iterator[Link]:
    with Link(lambda: urlsplit(server.base).port or 0).running() as link:
        yield link


def fetched(link: Link, seconds: float = 20) -> bytes:
    with urllib.request.urlopen(f"{link.address}/rows.csv", timeout=seconds) as answer:
        return bytes(answer.read())


def asked(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/rows.csv")
    connection.getresponse()


def test_a_whole_link_passes_on_what_comes(link: Link, server: Answers) -> None:
    assert fetched(link) == server.content


def test_a_cut_link_breaks_off_what_is_open_and_lets_nobody_through(link: Link, server: Answers) -> None:
    open_connection = http.client.HTTPConnection("127.0.0.1", link.port, timeout=20)
    open_connection.connect()
    link.become("cut")
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        asked(open_connection)
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        fetched(link)
    assert server.asked == []
    link.become("whole")
    assert fetched(link) == server.content


def test_a_stalled_link_holds_all_back_until_it_is_whole(link: Link, server: Answers) -> None:
    link.become("stalled")
    with pytest.raises((TimeoutError, urllib.error.URLError)):
        fetched(link, seconds=0.2)
    assert server.asked == []
    contents: list[bytes] = []
    waiting = threading.Thread(target=lambda: contents.append(fetched(link)))
    waiting.start()
    waiting.join(0.2)
    assert contents == []
    link.become("whole")
    waiting.join(20)
    assert contents == [server.content]


def test_a_server_that_is_not_there_ends_the_connection() -> None:
    with Link(lambda: 9).running() as link, pytest.raises((urllib.error.URLError, ConnectionError)):
        fetched(link)

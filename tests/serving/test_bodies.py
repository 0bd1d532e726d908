"""Bodies of requests: bounded, JSON or a form with files."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from tasks.serving.bodies import request_rows
from tasks.serving.request_error import RequestError

PICTURE = bytes(range(256))


def rows(*chunks: bytes, most: int = 10_000, **headers: str) -> list[Any]:
    """What a request of these chunks brings."""
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    return asyncio.run(request_rows(Request({"type": "http", "method": "POST", "headers": named}, receive), most))


def form(files: Sequence[tuple[str, Any]]) -> tuple[bytes, str]:
    request = httpx.Request("POST", "http://here/", files=files)
    return request.read(), request.headers["content-type"]


def test_json_may_come_in_pieces_and_without_its_kind() -> None:
    assert rows(b'{"rows": [{"a"', b": 1}]}") == [{"a": 1}]
    assert rows(b'[{"a": 1}]', content_type="application/json; charset=utf-8") == [{"a": 1}]


def test_a_form_is_one_row_with_its_files_as_base64() -> None:
    body, kind = form([("scan", ("scan.png", PICTURE)), ("age", (None, "41")), ("note", (None, "grün"))])
    expected = {"scan": base64.b64encode(PICTURE).decode(), "age": "41", "note": "grün"}
    assert rows(body, content_type=kind) == [expected]


def test_the_part_row_holds_what_no_file_says() -> None:
    body, kind = form([("row", (None, '{"age": 41, "scan": null}')), ("scan", ("scan.png", PICTURE))])
    assert rows(body, content_type=kind) == [{"age": 41, "scan": base64.b64encode(PICTURE).decode()}]
    body, kind = form([("row", (None, "no JSON, but text of a column"))])
    assert rows(body, content_type=kind) == [{"row": "no JSON, but text of a column"}]


def test_a_file_may_be_as_large_as_a_body() -> None:
    body, kind = form([("scan", ("scan.png", b"x" * 3_000_000))])
    [row] = rows(body, most=4_000_000, content_type=kind)
    assert len(row["scan"]) == 4_000_000


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"a,b\n1,2\n", {"content_type": "text/csv"}, 415),
        (b"a=1", {"content_type": "application/x-www-form-urlencoded"}, 415),
        (b"x" * 10_001, {}, 413),
        (b"{}", {"content_length": "10001"}, 413),
        (b"{}", {"content_type": "multipart/form-data"}, 400),
        (b"no part", {"content_type": "multipart/form-data; boundary=b"}, 400),
        (b"{", {}, 400),
        (b"{}", {"content_encoding": "gzip"}, 415),
        (b"{}", {"content_type": "application/json; charset=utf-16"}, 415),
        ('{"ort": "Köln"}'.encode("latin-1"), {}, 400),
        ('{"age": 1}'.encode("utf-16"), {}, 400),
    ],
)
def test_other_bodies_are_refused(body: bytes, headers: dict[str, str], status: int) -> None:
    with pytest.raises(RequestError) as refusal:
        rows(body, **headers)
    assert refusal.value.status == status


def test_utf_8_may_be_named_and_marked() -> None:
    for kind in (
        "application/json; charset=UTF-8",
        'APPLICATION/JSON ;charset="utf8"',
        "application/json; charset=ascii",
    ):
        assert rows(b'\xef\xbb\xbf{"a": "\xc3\xa4"}', content_type=kind, content_encoding="identity") == [{"a": "ä"}]


def test_the_part_row_is_refused_as_a_body_is() -> None:
    for part, message in (('{"a": 1, "a": 2}', "'a' twice"), ('{"a": ' + "9" * 5_000 + "}", "more than 4,300 digits")):
        body, kind = form([("row", (None, part))])
        with pytest.raises(RequestError, match=message):
            rows(body, content_type=kind)


def test_two_parts_of_one_name_are_refused() -> None:
    body, kind = form([("a", (None, "1")), ("a", (None, "2"))])
    with pytest.raises(RequestError, match="two parts 'a'"):
        rows(body, content_type=kind)

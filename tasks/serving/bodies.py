"""What a request brings: its body, bounded, as rows of values."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from email.message import Message
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tasks.serving.request_error import RequestError
from tasks.serving.rows import parsed, rows_of

if TYPE_CHECKING:
    from starlette.requests import Request as HttpRequest

_ROW = "row"
"""The part of a form that holds, as JSON, what no file says."""


async def request_rows(request: HttpRequest, max_bytes: int) -> list[Any]:
    """The rows of a request, of JSON or of a form with files, which is one row.

    Raises RequestError: 413 for a body that is too large, 415 for one of another kind, packed, or in another charset
    than UTF-8, 400 or 422 for one without rows.
    """
    written = request.headers.get("content-type", "application/json")
    kind, charset = _kind_and_charset(written)
    _refuse_encodings(request, charset)
    match kind:
        case "application/json":
            return rows_of(parsed(await body_of(request, max_bytes)))
        case "multipart/form-data":
            return [await _form_row(request, await body_of(request, max_bytes))]
        case _:
            raise RequestError(
                415,
                f"{written:.80} cannot be read; send JSON (-H 'Content-Type: application/json'), or a form (curl -F)",
            )


@lru_cache(maxsize=256)
def _kind_and_charset(written: str) -> tuple[str, str]:
    """What a Content-Type says; most callers write the same one every time."""
    message = Message()
    message["Content-Type"] = written
    return message.get_content_type(), str(message.get_content_charset("utf-8"))


def _refuse_encodings(request: HttpRequest, charset: str) -> None:
    """Raises RequestError (415) for bytes that mean something else than they would be read as."""
    packed = request.headers.get("content-encoding", "identity").strip().lower()
    if packed not in ("", "identity"):
        raise RequestError(
            415,
            f"Content-Encoding: {packed:.80} is not taken; send the body as it is, without that header",
            headers={"Accept-Encoding": "identity"},
        )
    # Texts of ASCII are of UTF-8, too.
    if charset not in ("utf-8", "utf8", "us-ascii", "ascii"):
        raise RequestError(415, f"charset={charset:.80} is not taken; encode the body as UTF-8")


async def body_of(request: HttpRequest, max_bytes: int) -> bytes:
    """The whole body. Raises RequestError (413) for one that is larger."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and len(announced) < 20 and int(announced) > max_bytes:
        raise _too_large(max_bytes)
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        # What is announced may be wrong, or be missing.
        if size > max_bytes:
            raise _too_large(max_bytes)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(max_bytes: int) -> RequestError:
    return RequestError(
        413,
        f"the body is larger than {max_bytes / 2**20:g} MiB; send fewer rows, or start the server with a larger "
        "--max-mib",
        headers={"Connection": "close"},
    )


async def _form_row(request: HttpRequest, body: bytes) -> dict[str, Any]:
    """A file becomes base64 under its part's name; other parts are text, as the source writes it."""
    from starlette.formparsers import MultiPartException, MultiPartParser

    async def stream() -> AsyncIterator[bytes]:
        yield body

    try:
        # Its own limits are lower than that of the body, which holds already.
        parser = MultiPartParser(request.headers, stream(), max_part_size=max(1, len(body)))  # type: ignore[arg-type]
        form = await parser.parse()
    except (MultiPartException, KeyError) as error:
        raise RequestError(400, f"the form cannot be read ({error}); send it as curl -F does") from None
    row: dict[str, Any] = {}
    try:
        for name, part in form.multi_items():
            if name in row:
                raise RequestError(422, f"the form has two parts {name!r:.80}; a form is one row: send several forms")
            row[name] = part if isinstance(part, str) else base64.b64encode(await part.read()).decode()
    finally:
        await form.close()
    return _with_json(row)


def _with_json(row: dict[str, Any]) -> dict[str, Any]:
    """The row with the values that its part `row` has."""
    if _ROW not in row:
        return row
    try:
        is_object = isinstance(json.loads(row[_ROW]), dict)
    except json.JSONDecodeError:
        is_object = False
    except (ValueError, RecursionError):
        # JSON by its form, with a number or lists that `parsed` refuses.
        is_object = True
    if not is_object:
        # A column may be called so, and hold plain text.
        return row
    content = parsed(row[_ROW])
    return {**content, **{name: value for name, value in row.items() if name != _ROW}}

"""What a request brings: its body, bounded, as rows of values."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from tasks.serving.request_error import RequestError
from tasks.serving.rows import parsed, rows_of

if TYPE_CHECKING:
    from starlette.requests import Request as HttpRequest

_ROW = "row"
"""The part of a form that holds, as JSON, what no file says."""


async def request_rows(request: HttpRequest, max_bytes: int) -> list[Any]:
    """The rows of a request, of JSON or of a form with files, which is one row.

    Raises RequestError: 413 for a body that is too large, 415 for one of another kind, 400 or 422 for one without rows.
    """
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    match kind:
        case "application/json":
            return rows_of(parsed(await _body(request, max_bytes)))
        case "multipart/form-data":
            return [await _form_row(request, await _body(request, max_bytes))]
        case _:
            raise RequestError(
                415, f"{kind:.80} cannot be read; send JSON (-H 'Content-Type: application/json'), or a form (curl -F)"
            )


async def _body(request: HttpRequest, max_bytes: int) -> bytes:
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
        content = json.loads(row[_ROW])
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        # A column may be called so, and hold plain text.
        return row
    return {**content, **{name: value for name, value in row.items() if name != _ROW}}

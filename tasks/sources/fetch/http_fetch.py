"""A file from a web server: resumed where it broke off, and not fetched again while it stays the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from tasks.errors import UserError
from tasks.sources.fetch.attempts import Interrupted
from tasks.sources.fetch.fetching import (
    CHUNK,
    Download,
    Fetched,
    begin,
    begun,
    check_length,
    finish,
    forget_part,
    write,
)
from tasks.sources.unpacking import bomb, most_unpacked

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

_TIMEOUTS = (10, 60)
"""Seconds until there is a connection, and without a byte."""

_LATER = (408, 425, 429)
"""Answers that ask to come back, besides those from 500 on (RFC 9110, RFC 6585, RFC 8470)."""

_CURES = {
    401: "set the environment variable that ingest.source.token_env names to a valid token",
    403: "get the right to read it, or give a token by ingest.source.token_env",
    404: "correct ingest.source.url",
    410: "correct ingest.source.url",
}


def fetch_over_http(download: Download, known: Fetched | None) -> Fetched:
    """One attempt. Raises Interrupted when another may go better, UserError when none will.

    Redirects are followed to http and https only, and the token is taken off on the way to another host.
    """
    import requests

    from tasks.sources.fetch.web_session import WebSession

    # Not packed for the way: then the length that is announced is that of the file, and a piece of it is one.
    headers = {"User-Agent": "modelwright", "Accept-Encoding": "identity", **_conditions(download, known)}
    try:
        # Streamed: a file may be larger than memory.
        with (
            WebSession() as session,
            session.get(
                download.address, headers=headers, auth=_authorised(download.token), stream=True, timeout=_TIMEOUTS
            ) as response,
        ):
            return _received(download, known, response)
    # Before ConnectionError, of which it is a case: another attempt will not mend a certificate.
    except requests.exceptions.SSLError as error:
        raise UserError(
            f"{download.url}: its certificate is not accepted ({download.masked(_message_of(error))}); correct the "
            "address, or name your own authority's file in the environment variable REQUESTS_CA_BUNDLE"
        ) from None
    except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
        raise Interrupted(download.masked(_message_of(error))) from None
    except requests.RequestException as error:
        raise UserError(
            f"{download.url}: cannot be fetched ({download.masked(_message_of(error))}); correct ingest.source.url"
        ) from None


def _received(download: Download, known: Fetched | None, response: Response) -> Fetched:
    if known and (response.status_code == 304 or _is_same(known, response)):
        forget_part(download)
        return known
    if response.status_code == 206:
        announced = _resumed_length(download, response)
    else:
        _refuse_failures(download, response)
        announced = _length(response)
        # Before a byte of it is written.
        check_length(download, announced or 0)
        # Without a length nobody can tell whether a piece was the last.
        begin(download, _mark(response) if announced is not None else {})
    write(download, _chunks(download, response))
    return finish(download, _mark(response), announced)


def _authorised(token: str | None) -> Callable[[PreparedRequest], PreparedRequest]:
    """Given also without a token: else requests would look for a password in the user's .netrc."""

    def authorise(request: PreparedRequest) -> PreparedRequest:
        if token:
            request.headers["Authorization"] = f"Bearer {token}"
        return request

    return authorise


def _conditions(download: Download, known: Fetched | None) -> dict[str, str]:
    """Headers that ask for nothing when nothing changed, and for the rest of what was begun, unless that changed."""
    headers = {}
    # The ETag alone when there is one: a date has seconds, and a file may change twice in one.
    if known and "etag" in known.mark:
        headers["If-None-Match"] = known.mark["etag"]
    elif known and "last_modified" in known.mark:
        headers["If-Modified-Since"] = known.mark["last_modified"]
    size, mark = begun(download)
    # A weak mark does not promise the same bytes (RFC 9110, 8.8.1): pieces cannot be joined by it.
    same = next((mark[name] for name in ("etag", "last_modified") if mark.get(name, "W/")[:2] != "W/"), None)
    if size and same:
        headers |= {"Range": f"bytes={size}-", "If-Range": same}
    return headers


def _resumed_length(download: Download, response: Response) -> int | None:
    """The whole length. Raises Interrupted, to begin anew, when the piece is not the one that was asked for."""
    size, before = begun(download)
    now = _mark(response)
    content_range = re.fullmatch(rf"bytes {size}-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    # Some servers answer 206 with another piece, and caches with one of another version.
    if not content_range or any(before[name] != now[name] for name in before.keys() & now.keys()):
        forget_part(download)
        raise Interrupted("the server gave another piece of the file than it was asked for")
    return None if content_range[1] == "*" else int(content_range[1])


def _refuse_failures(download: Download, response: Response) -> None:
    code = response.status_code
    if code == 200:
        return
    # A server may leave the reason out.
    answer = f"the server answers {code} {response.reason or ''}".rstrip()
    # What lies here is longer than the file is now.
    if code == 416 and download.part.exists():
        forget_part(download)
        raise Interrupted(answer)
    if code in _LATER or code >= 500:
        # Asked to come back later: politely, and after as long as the server says.
        raise Interrupted(answer, pause=_retry_after(response.headers.get("Retry-After", "")))
    cure = _CURES.get(code, "open the address in a browser to see what it wants, and correct ingest.source.url")
    raise UserError(f"{download.url}: {answer}; {cure}")


def _is_same(known: Fetched, response: Response) -> bool:
    """Whether the server, though it sends the whole file, sends what is here already."""
    # Weak tags promise the same meaning, and not the same bytes.
    etag = response.headers.get("ETag", "W/")
    same = not etag.startswith("W/") and etag == known.mark.get("etag") and _length(response) == known.size
    return response.status_code == 200 and same


def _mark(response: Response) -> dict[str, str]:
    names = {"etag": "ETag", "last_modified": "Last-Modified"}
    return {key: response.headers[name] for key, name in names.items() if name in response.headers}


def _length(response: Response) -> int | None:
    """Bytes of the file; None when the server does not say, or packs the file for the way."""
    # Then the length is that of the packed bytes, and requests gives unpacked ones.
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() and not _is_packed(response) else None


def _chunks(download: Download, response: Response) -> Iterator[bytes]:
    """The bytes, unpacked where the server packs them for the way, which it was asked not to do."""
    num_unpacked = 0
    for chunk in response.iter_content(CHUNK):
        num_unpacked += len(chunk)
        limit = most_unpacked(response.raw.tell(), download.max_unpacked_mib)
        if _is_packed(response) and num_unpacked > limit:
            forget_part(download)
            raise bomb(download.url, limit)
        yield chunk


def _is_packed(response: Response) -> bool:
    return bool(response.headers.get("Content-Encoding", "identity") != "identity")


def _retry_after(text: str) -> float | None:
    """Seconds from a number of them or from a date; None when it is neither."""
    if text.isdecimal():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    # HTTP dates are GMT, also where the zone is left out as -0000.
    zoned = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (zoned - datetime.now(UTC)).total_seconds())


def _message_of(error: Exception) -> str:
    """The innermost cause in words, without the library's wrapping."""
    inner = error.args[0] if error.args else error
    return f"{type(error).__name__}: {getattr(inner, 'reason', None) or inner}"

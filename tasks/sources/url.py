"""One file fetched from http, https or whatever fsspec opens, and then read as another source."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit

from tasks.addresses import secret_in, with_variables
from tasks.errors import UnreachableError, UserError
from tasks.params.config import ColumnTypeName
from tasks.params.sources import Source as SourceConfig
from tasks.params.sources import TableSource, UrlSource
from tasks.sources.base import BrokenLine, NumberFormat, Place, Source
from tasks.sources.fetch.attempts import Interrupted, persistently
from tasks.sources.fetch.fetching import Download, Fetched, known, write_errors

if TYPE_CHECKING:
    import polars as pl

    from tasks.tables.origins import RowOrigins


class Url(Source):
    """A remote file, a copy of which is kept: the rows are those of the copy.

    Each object looks once, when it is first asked for anything, and all that it then says is of that one content. With
    a known SHA-256 and the copy there, nobody is asked; without, the server always is, and when it cannot be reached
    that is an error: a scheduled run must not take old data for new.
    """

    kind = "url"

    def __init__(self, config: UrlSource, place: Place, read: Callable[[SourceConfig, Place], Source]) -> None:
        self._config = config
        self._address = _checked(config.url)
        # By the whole URL: two servers may have a data.csv each.
        self._folder = place.downloads / hashlib.sha256(config.url.encode()).hexdigest()[:16]
        self._read = read
        self.location = config.url

    @property
    def types(self) -> Mapping[str, ColumnTypeName]:
        return self._inner.types

    @property
    def split_column(self) -> str | None:
        return self._inner.split_column

    @property
    def id_columns(self) -> tuple[str, ...]:
        return self._inner.id_columns

    @property
    def numbers(self) -> NumberFormat:
        return self._inner.numbers

    @property
    def missing(self) -> tuple[str, ...]:
        return self._inner.missing

    def parts(self) -> Iterator[pl.DataFrame]:
        return self._inner.parts()

    def located_parts(self) -> Iterator[tuple[pl.DataFrame, RowOrigins]]:
        return self._inner.located_parts()

    def keep_broken(self, keep: Callable[[BrokenLine], None]) -> None:
        self._inner.keep_broken(keep)

    def digest(self) -> str:
        """SHA-256 of the file as it was fetched."""
        return self._fetched.sha256

    def watched(self) -> list[Path] | None:
        # With a digest, the copy that fits it is the content; without, only the server knows.
        return [self._file] if self._config.sha256 else None

    def settings(self) -> dict[str, Any]:
        return self._inner.settings()

    def doubts(self) -> list[str]:
        return self._inner.doubts()

    @property
    def _file(self) -> Path:
        content = self._config.content
        return self._folder / (content.path if content else _file_name(self._address))

    @cached_property
    def _inner(self) -> Source:
        """The source that reads the copy, which is fetched first."""
        # Fetches, as it is asked for the first time.
        assert self._fetched
        config = self._config
        content = config.content or TableSource(kind="table", path=self._file.name)
        if content.max_unpacked_mib is None:
            content = content.model_copy(update={"max_unpacked_mib": config.max_unpacked_mib})
        return self._read(content, Place(root=self._folder, downloads=self._folder))

    @cached_property
    def _fetched(self) -> Fetched:
        """The copy as it now lies there whole; one process at a time fetches it."""
        from filelock import FileLock

        config = self._config
        token = _token(config.token_env) if config.token_env else None
        download = Download(
            url=config.url,
            address=with_variables(config.url),
            file=self._file,
            sha256=config.sha256,
            size=config.size,
            most=config.max_fetched_mib << 20,
            max_unpacked_mib=config.max_unpacked_mib,
            token=token,
        )
        with write_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            # Two pipelines of one source may run side by side.
            with FileLock(self._folder / ".lock"):
                return self._up_to_date(download)

    def _up_to_date(self, download: Download) -> Fetched:
        copy = known(download)
        # The digest says what the content is: nobody needs to be asked.
        if copy and download.sha256:
            return copy
        try:
            return persistently(lambda: _fetch_once(download, copy, self._address.scheme), self._config.retries)
        except Interrupted as interruption:
            raise UnreachableError(
                f"{self.location}: cannot be fetched, {self._config.retries + 1} attempts ended with: {interruption}; "
                "check the address and the network and run again, which goes on from where it broke off"
            ) from interruption


def _fetch_once(download: Download, copy: Fetched | None, scheme: str) -> Fetched:
    if scheme in ("http", "https"):
        from tasks.sources.fetch.http_fetch import fetch_over_http

        return fetch_over_http(download, copy)
    from tasks.sources.fetch.fsspec_fetch import fetch_through_fsspec

    return fetch_through_fsspec(download, copy)


def _checked(url: str) -> SplitResult:
    """The URL in pieces. Raises UserError, without showing it, when it holds a password or a token."""
    try:
        address = urlsplit(url)
    except ValueError as error:
        raise UserError(f"ingest.source.url: is no URL ({error}); correct it") from None
    if address.scheme in ("http", "https") and not address.hostname:
        raise UserError("ingest.source.url: names no host; write it like https://example.org/rows.csv")
    place = secret_in(address)
    if place:
        raise UserError(
            f"ingest.source.url: holds a password or a token (at {address.hostname}), {place}; take it out and put it "
            "into an environment variable NAME; for a bearer token give that variable's name as "
            "ingest.source.token_env, for a value of the query write {NAME} in its place in the address"
        )
    # fsspec reads `zip::https://...` as one protocol within another.
    if not address.scheme or "::" in url:
        raise UserError(
            f"ingest.source.url: {url} does not say how to fetch one file; begin it with https:// or s3://, "
            "or give a file on this machine as kind: table"
        )
    return address


def _file_name(address: SplitResult) -> str:
    """The last piece of the URL's path, as a name that is one on every disk and no pattern."""
    name = re.sub(r"[^\w.-]", "_", PurePosixPath(unquote(address.path)).name).lstrip(".")
    # File systems take 255 bytes a name; the suffix, which tells the format, is at its end.
    return name[-200:] or "content"


def _token(variable: str) -> str:
    """Raises UserError, without showing it, when the variable is absent or cannot be a token."""
    token = os.environ.get(variable, "").strip()
    # A line break in a header would end it; what is no ASCII cannot stand there.
    if not re.fullmatch(r"[!-~]+", token):
        state = "holds no token, which is letters, digits and signs without blanks" if token else "is not set"
        raise UserError(f"ingest.source.token_env: the environment variable {variable} {state}; set it to the token")
    return token

"""A file from whatever fsspec opens: S3, Google Cloud, Azure, FTP, SFTP and others."""

from __future__ import annotations

import ftplib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from tasks.errors import UserError
from tasks.sources.fetch.attempts import Interrupted
from tasks.sources.fetch.fetching import CHUNK, Download, Fetched, begin, check_length, finish, write

_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "abfs": "azure", "abfss": "azure", "az": "azure"}
"""The extra of modelwright that brings what a scheme needs."""

_NO_STORES = re.compile(
    "asynclocal|blockcache|cached|dask|data|dbfs|dir|dvc|filecache|generic|git|github|jlab|jupyter|libarchive|pyscript"
    "|reference|simplecache|tar|zip"
)
"""What fsspec opens, and is inside of something else, on this machine, or wants more than an address says."""

_DRIVER_ERRORS = {
    "botocore.exceptions": ("BotoCoreError", "ClientError"),
    "gcsfs.retry": ("HttpError",),
    "google.auth.exceptions": ("GoogleAuthError",),
    "azure.core.exceptions": ("AzureError",),
    "httpx": ("HTTPError",),
    "httpx2": ("HTTPError",),
}
"""What the stores' own libraries raise, besides OSError."""


def fetch_through_fsspec(download: Download, known: Fetched | None) -> Fetched:
    """One attempt, from the first byte. Raises Interrupted when another may go better, UserError when none will."""
    with _reading(download):
        files, path = _opened(download)
        files.invalidate_cache()
        # fsspec keeps listings: without the cache put away, a changed file looks as before.
        about = files.info(path)
        # Made from what the store says of the file, such as ETag, size and time.
        mark = {"key": str(files.ukey(path))}
    if about.get("type") == "directory":
        raise UserError(f"{download.url}: is a folder; give the address of one file")
    if known and known.mark == mark:
        return known
    # Not every store can go on in the midst of a file: each attempt starts anew.
    check_length(download, about.get("size") or 0)
    begin(download, {})
    write(download, _chunks(download, files, path))
    # Stores without versions may give the beginning of the old file and the end of the new.
    _check_unchanged(download, files, path, mark)
    return finish(download, mark, about.get("size"))


def _opened(download: Download) -> tuple[Any, str]:
    """The file system and the path in it. Raises UserError when a package is missing or nobody knows the scheme."""
    import fsspec

    url, scheme = download.url, urlsplit(download.url).scheme
    if _NO_STORES.fullmatch(scheme):
        raise UserError(
            f"ingest.source.url: {scheme}: is no store that one file is fetched from; give an address that begins with "
            "https:// or s3://, or a file on this machine as kind: table"
        )
    try:
        files, path = fsspec.core.url_to_fs(download.address)
    except ImportError as error:
        extra = f"modelwright[{_EXTRAS[scheme]}]" if scheme in _EXTRAS else error.name
        cure = f"pip install '{extra}'" if extra else "install it"
        raise UserError(f"{url}: needs a package that is not installed ({error}); {cure}") from None
    # A scheme that nobody knows, or one whose store wants more than an address says.
    except (ValueError, TypeError, AttributeError, IndexError) as error:
        raise UserError(
            f"{url}: {download.masked(str(error))}; correct ingest.source.url, which may begin with https:// or s3://"
        ) from None
    return files, str(path)


def _chunks(download: Download, files: Any, path: str) -> Iterator[bytes]:
    with _reading(download), files.open(path, "rb") as remote:
        while chunk := remote.read(CHUNK):
            yield chunk


def _check_unchanged(download: Download, files: Any, path: str, mark: dict[str, str]) -> None:
    with _reading(download):
        files.invalidate_cache()
        if {"key": str(files.ukey(path))} != mark:
            raise Interrupted("the file was changed while it was fetched")


@contextmanager
def _reading(download: Download) -> Iterator[None]:
    """Says what went wrong at the other end as Interrupted, or as a UserError when it stays so."""
    url = download.url
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{url}: there is no such file; correct ingest.source.url") from None
    # Before the others: both are OSErrors or errors of ftplib, and no attempt will mend them.
    except (PermissionError, ftplib.error_perm) as error:
        raise UserError(
            f"{url}: may not be read ({download.masked(str(error))}); get the right to, or correct ingest.source.url"
        ) from None
    except _breaks() as error:
        raise Interrupted(f"{type(error).__name__}: {download.masked(str(error))}") from None


def _breaks() -> tuple[type[Exception], ...]:
    """What is raised when a transfer breaks off, by Python and by those libraries that have been imported."""
    drivers = tuple(
        getattr(sys.modules[module], name)
        for module, names in _DRIVER_ERRORS.items()
        # Importing them to name their errors would cost seconds, and most are not installed.
        if module in sys.modules
        for name in names
    )
    return EOFError, OSError, ftplib.Error, *drivers

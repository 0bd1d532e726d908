from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import socket
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import fsspec
import polars as pl
import pytest
from google.auth.exceptions import DefaultCredentialsError
from pydantic import ValidationError

from tasks.errors import UserError
from tasks.params.config import ColumnTypeName
from tasks.params.sources import Source as SourceConfig
from tasks.params.sources import TableSource, UrlSource
from tasks.sources import source
from tasks.sources.base import Place, Source
from tasks.sources.fetch import attempts
from tasks.sources.url import Url
from tests.web import serving

ROWS = b"name,size\n" + b"".join(b"row %d,%d\n" % (n, n) for n in range(40_000))
OTHER = b"name,size\n" + b"".join(b"ROW %d,%d\n" % (n, n) for n in range(40_000))


class Whole(Source):
    """The inner source in small: the whole file as one cell."""

    kind = "table"
    split_column = "split"
    id_columns = ("file",)

    def __init__(self, config: SourceConfig, place: Place) -> None:
        assert isinstance(config, TableSource)
        self.config = config
        self.file = place.root / config.path

    @property
    def types(self) -> Mapping[str, ColumnTypeName]:
        return {"content": "text"}

    def parts(self) -> Any:
        yield pl.DataFrame({"content": [self.file.read_bytes()]})

    def settings(self) -> dict[str, Any]:
        return {"file": self.file.name, "separator": self.config.separator}


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds between attempts, which nobody waits for here."""
    waited: list[float] = []
    monkeypatch.setattr(attempts, "sleep", waited.append)
    return waited


def remote(root: Path, url: str, **more: Any) -> Url:
    place = Place(root=root, downloads=root / "downloads")
    return Url(UrlSource.model_validate({"kind": "url", "url": url, **more}), place, read=Whole)


def content(source: Url) -> bytes:
    (part,) = source.parts()
    held: bytes = part["content"][0]
    return held


def refused(root: Path, url: str, **more: Any) -> str:
    with pytest.raises(UserError) as caught:
        content(remote(root, url, **more))
    assert not fetched_files(root)
    return str(caught.value)


def fetched_files(root: Path) -> list[Path]:
    """Files that a reader would take for whole ones."""
    return [file for file in (root / "downloads").rglob("*") if file.is_file() and not file.name.startswith(".")]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_file_is_fetched_once_and_read_as_another_source(tmp_path: Path) -> None:
    with serving(ROWS) as web:
        source = remote(tmp_path, web.url("/data/rows.csv?version=2"))
        assert content(source) == content(source) == ROWS
        assert source.digest() == sha256(ROWS)
        assert len(web.asked) == 1
    assert (source.types, source.id_columns, source.split_column) == ({"content": "text"}, ("file",), "split")
    assert source.numbers.decimal == "."
    assert source.settings() == {"file": "rows.csv", "separator": None}
    assert source.location == web.url("/data/rows.csv?version=2")
    assert source.watched() is None
    assert [file.name for file in fetched_files(tmp_path)] == ["rows.csv"]


def test_nothing_is_asked_before_it_is_needed(tmp_path: Path) -> None:
    with serving(ROWS) as web:
        remote(tmp_path, web.url())
        assert web.asked == []
    assert not (tmp_path / "downloads").exists()


def test_the_content_says_how_to_read_the_file_and_what_it_is_called(tmp_path: Path) -> None:
    with serving(ROWS) as web:
        inner = {"kind": "table", "path": "sales.csv", "separator": ";"}
        assert remote(tmp_path, web.url("/get?id=7"), content=inner).settings() == {
            "file": "sales.csv",
            "separator": ";",
        }


@pytest.mark.parametrize(
    ("path", "name"),
    [("/", "content"), ("/a/..", "content"), ("/a%2Fb%20%5B1%5D.csv", "b__1_.csv"), ("/.hidden", "hidden")],
)
def test_names_are_harmless_on_any_disk(tmp_path: Path, path: str, name: str) -> None:
    assert remote(tmp_path, f"https://example.org{path}", sha256="0" * 64).watched() == [
        tmp_path / "downloads" / sha256(f"https://example.org{path}".encode())[:16] / name
    ]


def test_a_connection_that_breaks_off_is_taken_up_where_it_stopped(tmp_path: Path, pauses: list[float]) -> None:
    with serving(ROWS, cuts=[300_000]) as web:
        assert content(remote(tmp_path, web.url())) == ROWS
    first, second = web.asked
    assert "Range" not in first
    start = int(second["Range"].removeprefix("bytes=").removesuffix("-"))
    assert 200_000 < start <= 300_000
    assert second["If-Range"] == '"one"'
    assert len(pauses) == 1


def test_the_next_run_goes_on_where_the_last_one_gave_up(tmp_path: Path) -> None:
    with serving(ROWS, cuts=[200_000, 100_000]) as web:
        message = refused(tmp_path, web.url(), retries=1)
        assert "2 attempts ended with: " in message
        assert content(remote(tmp_path, web.url(), retries=0)) == ROWS
    assert "Range" in web.asked[2]


@pytest.mark.parametrize("mark", [None, 'W/"weak"'])
def test_without_a_mark_to_rely_on_it_begins_anew(tmp_path: Path, mark: str | None) -> None:
    with serving(ROWS, cuts=[300_000], mark=mark) as web:
        assert content(remote(tmp_path, web.url())) == ROWS
    assert "Range" not in web.asked[1]


def test_a_server_without_ranges_sends_all_again(tmp_path: Path) -> None:
    with serving(ROWS, cuts=[300_000], ranges=False) as web:
        assert content(remote(tmp_path, web.url())) == ROWS
    assert "Range" in web.asked[1]


def test_a_file_that_changes_between_two_attempts_is_never_half_old(tmp_path: Path) -> None:
    with serving(ROWS, cuts=[300_000]) as web:
        refused(tmp_path, web.url(), retries=0)
        web.content, web.mark = OTHER, '"two"'
        assert content(remote(tmp_path, web.url())) == OTHER


def test_a_server_that_ignores_what_its_mark_means_is_found_out(tmp_path: Path) -> None:
    with serving(ROWS, cuts=[300_000]) as web:
        refused(tmp_path, web.url(), retries=0)
        web.content = OTHER
        assert "its SHA-256 is" in refused(tmp_path, web.url(), sha256=sha256(OTHER))
        assert content(remote(tmp_path, web.url(), sha256=sha256(OTHER))) == OTHER


def test_answers_that_ask_to_come_back_are_followed(tmp_path: Path, pauses: list[float]) -> None:
    with serving(ROWS, failures=[503, 429, 500], headers={"Retry-After": "7"}) as web:
        assert content(remote(tmp_path, web.url())) == ROWS
    assert len(web.asked) == 4
    assert pauses == [7, 7, 7]


def test_pauses_grow_and_end() -> None:
    longest = [attempts.pause(attempt) for attempt in range(12)]
    for attempt, seconds in enumerate(longest):
        assert min(60, 2**attempt) / 2 <= seconds <= min(60, 2**attempt)
    assert attempts.pause(0, asked_for=3600) == 60


def test_a_time_to_come_back_at_may_be_a_date_or_nonsense(tmp_path: Path, pauses: list[float]) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    for text in (date, "soon"):
        with serving(ROWS, failures=[503], headers={"Retry-After": text}) as web:
            content(remote(tmp_path, web.url()))
    assert 25 < pauses[0] <= 30
    assert pauses[1] <= 1


def test_attempts_end(tmp_path: Path) -> None:
    with serving(ROWS, failures=[503] * 9) as web:
        message = refused(tmp_path, web.url(), retries=2)
        assert len(web.asked) == 3
    assert "3 attempts ended with: the server answers 503 Service Unavailable; check the address" in message


@pytest.mark.parametrize(
    ("code", "cure"),
    [(404, "correct ingest.source.url"), (401, "token_env"), (403, "token_env"), (418, "in a browser")],
)
def test_what_the_server_refuses_is_not_asked_again(tmp_path: Path, code: int, cure: str) -> None:
    with serving(ROWS, failures=[code] * 9) as web:
        message = refused(tmp_path, web.url())
        assert len(web.asked) == 1
    assert message.startswith(f"{web.url()}: the server answers {code} ")
    assert cure in message


def test_a_server_that_is_not_there_is_an_error_also_when_there_is_a_copy(tmp_path: Path) -> None:
    with serving(ROWS) as web:
        content(remote(tmp_path, web.url()))
    with pytest.raises(UserError, match=r"cannot be fetched, 5 attempts ended with: ConnectionError: .*refused"):
        remote(tmp_path, web.url()).digest()


def test_a_server_that_falls_silent_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.sources.fetch.http_fetch._TIMEOUTS", (0.2, 0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        message = refused(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}/rows.csv", retries=1)
    assert "2 attempts ended with: ReadTimeout" in message


def test_a_copy_is_fetched_again_only_when_the_file_has_changed(tmp_path: Path) -> None:
    with serving(ROWS) as web:
        assert remote(tmp_path, web.url()).digest() == remote(tmp_path, web.url()).digest() == sha256(ROWS)
        assert web.asked[1]["If-None-Match"] == '"one"'
        web.content, web.mark = OTHER, '"two"'
        changed = remote(tmp_path, web.url())
        assert changed.digest() == sha256(OTHER)
        assert content(changed) == OTHER


def test_a_copy_that_somebody_touched_is_fetched_again(tmp_path: Path) -> None:
    with serving(ROWS) as web:
        content(remote(tmp_path, web.url()))
        (file,) = fetched_files(tmp_path)
        file.write_bytes(ROWS[:1000])
        assert content(remote(tmp_path, web.url())) == ROWS


def test_with_a_known_digest_and_a_copy_nobody_is_asked(tmp_path: Path) -> None:
    with serving(ROWS) as web:
        source = remote(tmp_path, web.url(), sha256=sha256(ROWS), size=len(ROWS))
        assert content(source) == ROWS
    again = remote(tmp_path, web.url(), sha256=sha256(ROWS))
    assert content(again) == ROWS
    assert again.digest() == sha256(ROWS)
    assert again.watched() == fetched_files(tmp_path)


def test_a_file_that_is_not_what_was_wanted_is_not_kept(tmp_path: Path) -> None:
    with serving(ROWS) as web:
        message = refused(tmp_path, web.url(), sha256="0" * 64)
        assert f"its SHA-256 is {sha256(ROWS)}, ingest.source.sha256 says 000" in message
        assert f"holds {len(ROWS)} bytes, ingest.source.size says 9999999" in refused(
            tmp_path, web.url(), size=9_999_999
        )
        assert "holds more than the 100 bytes" in refused(tmp_path, web.url(), size=100)
        assert len(web.asked) == 3
    assert [file.name for file in (tmp_path / "downloads").rglob("*") if file.is_file()] in ([], [".lock"])


@pytest.mark.parametrize("packed", [{}, {"Content-Encoding": "gzip"}])
def test_a_length_that_is_not_kept_leaves_no_file(tmp_path: Path, packed: dict[str, str]) -> None:
    body = gzip.compress(ROWS) if packed else ROWS
    with serving(body, headers={"Content-Length": str(len(body) + 5), **packed}) as web:
        message = refused(tmp_path, web.url(), retries=1)
    assert "IncompleteRead" in message or "bytes came" in message


def test_a_file_that_was_packed_for_the_way_is_unpacked(tmp_path: Path) -> None:
    with serving(gzip.compress(ROWS), headers={"Content-Encoding": "gzip"}) as web:
        assert content(remote(tmp_path, web.url())) == ROWS


@pytest.mark.parametrize("depth", [1, 2])
def test_an_answer_that_unpacks_to_too_much_is_refused(tmp_path: Path, depth: int) -> None:
    body = bytes(300 << 20)
    for _ in range(depth):
        body = gzip.compress(body)
    with serving(body, headers={"Content-Encoding": ", ".join(["gzip"] * depth)}) as web:
        message = refused(tmp_path, web.url())
        assert "unpacks to more than 256 MiB" in message
        assert "raise ingest.source.max_unpacked_mib" in message
        assert len(content(remote(tmp_path, web.url(), max_unpacked_mib=300))) == 300 << 20


@pytest.mark.parametrize("announced", [True, False])
def test_more_than_may_be_fetched_is_refused(tmp_path: Path, announced: bool) -> None:
    body = bytes((1 << 20) + 1)
    with serving(body, length=announced) as web:
        message = refused(tmp_path, web.url(), max_fetched_mib=1)
        assert "holds more than 1 MiB; if that is so, raise ingest.source.max_fetched_mib, or give" in message
        assert content(remote(tmp_path, web.url(), max_fetched_mib=2)) == body
        assert content(remote(tmp_path / "sized", web.url(), max_fetched_mib=1, size=len(body))) == body


def test_an_answer_without_an_end_is_ended(tmp_path: Path) -> None:
    with serving(b"", endless=True) as web:
        assert "holds more than 2 MiB" in refused(tmp_path, web.url(), max_fetched_mib=2)


def test_a_bound_on_unpacking_is_passed_on_to_what_is_fetched(tmp_path: Path) -> None:
    with serving(ROWS) as web:
        fetched = remote(tmp_path, web.url(), max_unpacked_mib=7)
        content(fetched)
    assert fetched._inner.config.max_unpacked_mib == 7  # type: ignore[attr-defined]


def test_the_token_stays_with_its_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "s3cret\n")
    with serving(ROWS) as other, serving(b"", redirect=other.url()) as first:
        assert content(remote(tmp_path, first.url(), token_env="SHOP_TOKEN")) == ROWS
    assert first.asked[0]["Authorization"] == "Bearer s3cret"
    assert "Authorization" not in other.asked[0]


def test_a_password_in_netrc_is_nobodys_business(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("default login me password s3cret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serving(ROWS) as web:
        content(remote(tmp_path, web.url()))
    assert "Authorization" not in web.asked[0]


def test_a_redirect_does_not_bring_a_password_of_netrc_to_its_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password s3cret\ndefault login me password s3cret\n")
    with serving(ROWS) as other, serving(b"", redirect=other.url().replace("127.0.0.1", "localhost")) as first:
        assert content(remote(tmp_path, first.url())) == ROWS
    assert not any("Authorization" in asked for asked in first.asked + other.asked)


def test_a_redirect_on_the_same_host_keeps_the_token_and_not_netrcs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login me password s3cret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("SHOP_TOKEN", "ours")
    with serving(b"") as web:
        web.redirect = web.url("/again")
        refused(tmp_path, web.url(), token_env="SHOP_TOKEN")
    assert len(web.asked) > 1
    assert {asked["Authorization"] for asked in web.asked} == {"Bearer ours"}


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/rows.csv"])
def test_redirects_stay_on_the_web(tmp_path: Path, target: str) -> None:
    with serving(b"", redirect=target) as web:
        assert "cannot be fetched (InvalidSchema" in refused(tmp_path, web.url())


def test_redirects_end(tmp_path: Path) -> None:
    with serving(b"") as web:
        web.redirect = web.url("/again")
        assert "TooManyRedirects" in refused(tmp_path, web.url())


@pytest.mark.parametrize(("value", "state"), [(None, "is not set"), ("s3cret and more", "holds no token")])
def test_a_token_that_is_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None, state: str
) -> None:
    monkeypatch.delenv("SHOP_TOKEN", raising=False)
    if value:
        monkeypatch.setenv("SHOP_TOKEN", value)
    message = refused(tmp_path, "https://example.org/rows.csv", token_env="SHOP_TOKEN")
    assert f"the environment variable SHOP_TOKEN {state}" in message
    assert "s3cret" not in message


@pytest.mark.parametrize(
    "url",
    [
        "https://me:s3cret@example.org/rows.csv",
        "https://s3cret@example.org/rows.csv",
        "ftp://me:s3cret@example.org/rows.csv",
        "https://example.org/rows.csv?access_token=s3cret",
        "https://example.org/rows.csv?X-Amz-Signature=s3cret",
    ],
)
def test_secrets_in_the_url_are_refused_and_never_shown(tmp_path: Path, url: str) -> None:
    message = refused(tmp_path, url)
    assert "holds a password or a token (at example.org)" in message
    assert "s3cret" not in message


def test_a_secret_that_a_variable_stands_for_is_sent_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", "s3cret")
    with serving(ROWS) as web:
        fetched = remote(tmp_path, f"{web.url()}?key={{SHOP_KEY}}")
        assert content(fetched) == ROWS
    assert web.paths == ["/rows.csv?key=s3cret"]
    assert "s3cret" not in fetched.location
    assert not any(
        b"s3cret" in file.read_bytes()
        for file in tmp_path.rglob("*")
        if file.is_file() and file.stat().st_size < 10_000
    )
    for failures, redirect in (
        ([404], None),
        ([503] * 9, None),
        ([], "ftp://127.0.0.1/x?key=s3cret"),
        ([], "http://127.0.0.1:9/x?key=s3cret"),
    ):
        with serving(b"", failures=failures, redirect=redirect) as web:
            message = refused(tmp_path / "refused", f"{web.url()}?key={{SHOP_KEY}}", retries=1)
        assert "s3cret" not in message
        assert "{SHOP_KEY}" in message


@pytest.mark.parametrize("scheme", ["data", "reference", "dbfs", "jupyter", "jlab", "dir", "generic", "git", "github"])
@pytest.mark.parametrize("rest", [":,a", "://h/rows.csv"])
def test_what_is_no_store_is_refused(tmp_path: Path, scheme: str, rest: str) -> None:
    assert f"ingest.source.url: {scheme}: is no store" in refused(tmp_path, f"{scheme}{rest}")


@pytest.mark.parametrize("url", ["rows.csv", "/data/rows.csv", "zip://rows.csv::https://example.org/rows.zip"])
def test_refuses_what_does_not_say_how_to_fetch_one_file(tmp_path: Path, url: str) -> None:
    assert "does not say how to fetch one file" in refused(tmp_path, url)
    assert "is no URL" in refused(tmp_path, "https://[half/rows.csv")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"content": {"kind": "table", "path": "../rows.csv"}}, "plain name"),
        ({"content": {"kind": "table", "path": ".."}}, "plain name"),
        ({"content": {"kind": "table", "path": "a.csv", "test_path": "b.csv"}}, "one file is fetched"),
        ({"content": {"kind": "table", "path": "a.csv", "append": True}}, "one file is fetched"),
        ({"token_env": "TOKEN", "url": "s3://bucket/rows.csv"}, "token_env is for http and https"),
    ],
)
def test_rules_across_settings_are_told_at_load(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        UrlSource.model_validate({"kind": "url", "url": "https://example.org/x", **more})


def test_fsspec_opens_files_on_disk_and_sees_when_they_change(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes(ROWS)
    url = (tmp_path / "rows.csv").as_uri()
    assert content(remote(tmp_path, url)) == ROWS
    (file,) = fetched_files(tmp_path)
    before = file.stat().st_mtime_ns
    assert remote(tmp_path, url).digest() == sha256(ROWS)
    assert file.stat().st_mtime_ns == before
    (tmp_path / "rows.csv").write_bytes(OTHER)
    assert content(remote(tmp_path, url)) == OTHER
    (tmp_path / "rows.csv").unlink()
    with pytest.raises(UserError, match="there is no such file"):
        remote(tmp_path, url).digest()


def test_fsspec_opens_its_memory(tmp_path: Path) -> None:
    fsspec.filesystem("memory").pipe("/shop/rows.csv", ROWS)
    assert content(remote(tmp_path, "memory://shop/rows.csv")) == ROWS
    assert "is a folder" in refused(tmp_path / "other", "memory://shop")


def test_packages_that_are_missing_are_named_by_their_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package, url, extra in (("s3fs", "s3", "s3"), ("gcsfs", "gs", "gcs"), ("adlfs", "abfs", "azure")):
        monkeypatch.setitem(sys.modules, package, None)
        assert f"pip install 'modelwright[{extra}]'" in refused(tmp_path, f"{url}://bucket/rows.csv")
    assert "Protocol not known: gopher" in refused(tmp_path, "gopher://bucket/rows.csv")


def test_what_a_store_refuses_for_a_while_is_asked_again(tmp_path: Path, pauses: list[float]) -> None:
    failures = iter([OSError("busy"), DefaultCredentialsError("no credentials"), EOFError()])  # type: ignore[no-untyped-call]

    class Store(fsspec.implementations.memory.MemoryFileSystem):
        protocol = "teststore"

        def open(self, path: str, mode: str = "rb", **more: Any) -> Any:
            for failure in itertools.islice(failures, 1):
                raise failure
            return super().open(path, mode, **more)

    fsspec.filesystem("memory").pipe(Store._strip_protocol("teststore://rows.csv"), ROWS)
    fsspec.register_implementation("teststore", Store, clobber=True)
    assert content(remote(tmp_path, "teststore://rows.csv")) == ROWS
    assert len(pauses) == 3


def test_a_disk_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "downloads").write_text("a file, where the folder should be")
    with serving(ROWS) as web, pytest.raises(UserError, match="cannot be written"):
        content(remote(tmp_path, web.url()))


def test_nothing_secret_is_kept_beside_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "s3cret")
    with serving(ROWS) as web:
        content(remote(tmp_path, web.url(), token_env="SHOP_TOKEN"))
    (record,) = (tmp_path / "downloads").rglob(".rows.csv.json")
    assert json.loads(record.read_text())["mark"] == {"etag": '"one"'}
    assert all(b"s3cret" not in file.read_bytes() for file in (tmp_path / "downloads").rglob("*") if file.is_file())


def test_packed_tables_on_the_web_are_tables(tmp_path: Path) -> None:
    with serving(gzip.compress(b"name;size\nAnn;1\n")) as web:
        inner = {"kind": "table", "path": "rows.csv.gz", "separator": ";"}
        config = UrlSource.model_validate({"kind": "url", "url": web.url("/get?id=7"), "content": inner})
        rows = source(config, Place(root=tmp_path, downloads=tmp_path / "downloads"))
        assert pl.concat(rows.parts()).rows() == [("Ann", "1")]

from __future__ import annotations

import gzip
import io
import random
import tarfile
import tracemalloc
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.errors import UserError
from tasks.sources import unpacking
from tasks.sources.packed import Entry, digest_entries, entries, extracted, is_packed
from tests.shared_data import shared

FILES = {"a.csv": b"x\n1\n", "inner/b.csv": b"x\n2\n", "inner/deep/c.csv": b""}
ANY_FILE = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def packed_zip(file: Path, files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file


def packed_tar(file: Path, files: Mapping[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(file, mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file


def packed_gzip(file: Path, content: bytes) -> Path:
    file.write_bytes(gzip.compress(content))
    return file


def contents(file: Path) -> dict[str, bytes]:
    return {entry.name: bytes_of(entry) for entry in entries(file, file.name)}


def bytes_of(entry: Entry) -> bytes:
    with entry.open() as handle:
        return handle.read()


def refused(file: Path) -> str:
    with pytest.raises(UserError) as caught:
        contents(file)
    return str(caught.value)


def complaint_about(file: Path) -> str | None:
    try:
        contents(file)
    except UserError as error:
        return str(error)
    return None


def every_archive(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    zips = [packed_zip(folder / f"{method}.zip", files, method) for method in methods]
    tars = {"plain.tar": "w", "packed.tgz": "w:gz", "packed.tar.gz": "w:gz", "without_suffix": "w:gz"}
    return zips + [packed_tar(folder / name, files, mode) for name, mode in tars.items()]


def test_every_archive_holds_its_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    for archive in every_archive(tmp_path, dict(reversed(FILES.items()))):
        assert is_packed(archive), archive
        assert list(contents(archive).items()) == list(FILES.items()), archive
        assert entries(archive, "where/it.is")[1].shown == "where/it.is: inner/b.csv"


def test_a_gzip_holds_one_file_named_as_it_is(tmp_path: Path) -> None:
    for name in ("rows.csv.gz", "ROWS.CSV.GZ", "rows"):
        file = packed_gzip(tmp_path / name, b"x\n1\n")
        assert is_packed(file)
        assert contents(file) == {name.removesuffix(".gz").removesuffix(".GZ"): b"x\n1\n"}
    twice = tmp_path / "twice.gz"
    twice.write_bytes(gzip.compress(b"one\n") + gzip.compress(b"two\n"))
    assert contents(twice) == {"twice": b"one\ntwo\n"}


def test_what_is_not_packed_is_itself(tmp_path: Path) -> None:
    plain = tmp_path / "rows.gz"
    plain.write_bytes(b"x\n1\n")
    sheet = packed_zip(tmp_path / "sheet.xlsx", {"[Content_Types].xml": b"", "xl/workbook.xml": b""})
    for file in (plain, sheet):
        assert not is_packed(file)
        [entry] = entries(file, "shown")
        assert (entry.shown, entry.name, entry.plain) == ("shown", file.name, file)
        assert bytes_of(entry) == file.read_bytes()
        with extracted(entry) as path:
            assert path == file


def test_what_is_packed_is_extracted_to_a_file_that_goes_away(tmp_path: Path) -> None:
    for archive in every_archive(tmp_path, FILES):
        with extracted(entries(archive, "shown")[1]) as path:
            assert path.read_bytes() == FILES["inner/b.csv"]
            assert path.suffix == ".csv"
        assert not path.exists()


def test_names_of_systems_and_hidden_files_are_left_out(tmp_path: Path) -> None:
    hidden = {"__MACOSX/._a.csv": b"?", ".DS_Store": b"?", "inner/.hidden/x.csv": b"?", "_SUCCESS": b""}
    for archive in every_archive(tmp_path, FILES | hidden):
        assert contents(archive) == FILES
    for archive in every_archive(tmp_path, hidden):
        assert "holds no files; put the data into it" in refused(archive)


def test_names_are_written_one_way(tmp_path: Path) -> None:
    for archive in every_archive(tmp_path, {"./inner//a.csv": b"1", "inner\\b.csv": b"2"}):
        assert contents(archive) == {"inner/a.csv": b"1", "inner/b.csv": b"2"}


@pytest.mark.parametrize("name", ["../x.csv", "inner/../../x.csv", "/etc/x.csv", "C:\\x.csv", "..\\x.csv"])
def test_refuses_names_that_lead_out(tmp_path: Path, name: str) -> None:
    for archive in every_archive(tmp_path, FILES | {name: b"?"}):
        message = refused(archive)
        assert name.replace("\\", "/") in message
        assert "leads out of the archive" in message


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_refuses_links_and_devices(tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("a.csv")
    member.type, member.linkname = kind, "/etc/passwd"
    with tarfile.open(tmp_path / "links.tar", "w") as archive:
        archive.addfile(member)
    assert "links.tar: a.csv: a link or a device" in refused(tmp_path / "links.tar")
    info = zipfile.ZipInfo("a.csv")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "links.zip", "w") as archive_of_links:
        archive_of_links.writestr(info, "/etc/passwd")
    assert "links.zip: a.csv: a link" in refused(tmp_path / "links.zip")


def test_refuses_archives_in_archives(tmp_path: Path) -> None:
    for archive in every_archive(tmp_path, FILES | {"more.zip": b"?"}):
        assert "more.zip: an archive inside an archive; unpack the outer one" in refused(archive)
    assert "twice.csv.gz.gz: packed twice" in refused(packed_gzip(tmp_path / "twice.csv.gz.gz", gzip.compress(b"x")))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_refuses_a_name_that_comes_twice(tmp_path: Path) -> None:
    for pack, name in ((packed_zip, "twice.zip"), (packed_tar, "twice.tar")):
        assert f"{name}: a.csv is in it twice" in refused(pack(tmp_path / name, {"a.csv": b"1", "./a.csv": b"2"}))


def test_refuses_what_is_encrypted_or_packed_in_an_unknown_way(tmp_path: Path) -> None:
    archive = packed_zip(tmp_path / "data.zip", {"a.csv": b"x"})
    content = bytearray(archive.read_bytes())
    directory = content.index(b"PK\x01\x02")
    content[directory + 8] |= 1
    archive.write_bytes(content)
    assert "data.zip: a.csv: is encrypted; unpack the archive with its password" in refused(archive)
    content[directory + 8] &= ~1
    content[directory + 10] = 9
    archive.write_bytes(content)
    assert "a.csv: packed in a way that is not known here (method 9)" in refused(archive)


def test_an_archive_that_is_cut_off_anywhere_is_damaged(tmp_path: Path) -> None:
    content = random.Random(0).randbytes(5_000)
    for archive in [*every_archive(tmp_path, {"a.csv": content}), packed_gzip(tmp_path / "a.csv.gz", content)]:
        whole = archive.read_bytes()
        for end in range(7, 5_000, 331):
            archive.write_bytes(whole[:end])
            assert "damaged or cut off" in refused(archive), (archive, end)


def test_damage_in_the_middle_of_a_gzip_shows_while_it_is_read(tmp_path: Path) -> None:
    content = b"".join(b"%d,%d\n" % (number, number * 7919 % 10_007) for number in range(100_000))
    file = packed_gzip(tmp_path / "rows.csv.gz", content)
    broken = bytearray(file.read_bytes())
    broken[len(broken) // 2] ^= 0xFF
    file.write_bytes(broken)
    [entry] = entries(file, "rows.csv.gz")
    with entry.open() as handle:
        assert handle.read(1_000) == content[:1_000]
        with pytest.raises(UserError, match=r"rows\.csv\.gz: damaged or cut off .*; copy or download it anew"):
            io.TextIOWrapper(handle).read()


def test_a_header_damaged_in_a_tar_loses_no_file_in_silence(tmp_path: Path) -> None:
    archive = packed_tar(tmp_path / "data.tar", {"a.csv": b"1", "b.csv": b"2", "c.csv": b"3"})
    content = bytearray(archive.read_bytes())
    content[content.index(b"b.csv")] ^= 0xFF
    archive.write_bytes(content)
    assert "damaged or cut off" in refused(archive)


@ANY_FILE
@given(data=st.data())
def test_flipped_bytes_give_the_content_or_a_clear_error(tmp_path: Path, data: st.DataObject) -> None:
    archives = [*every_archive(tmp_path, FILES), packed_gzip(tmp_path / "rows.csv.gz", b"x\n1\n" * 50)]
    archive = data.draw(st.sampled_from(archives))
    content = bytearray(archive.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    archive.write_bytes(content)
    complaint = complaint_about(archive)
    assert complaint is None or complaint.startswith(archive.name)


@ANY_FILE
@given(content=st.binary(max_size=2_000))
def test_any_bytes_behind_a_mark_are_no_crash(tmp_path: Path, content: bytes) -> None:
    for name, mark in (("x.gz", b"\x1f\x8b\x08"), ("x.zip", b"PK\x03\x04"), ("x.tar", b"")):
        (tmp_path / name).write_bytes(mark + content)
        complaint = complaint_about(tmp_path / name)
        assert complaint is None or complaint.startswith(f"{name}: ")


def read_in_pieces(file: Path) -> None:
    for entry in entries(file, file.name):
        with entry.open() as handle:
            while handle.read(1 << 16):
                pass


def test_a_bomb_stops_while_it_is_read_in_flat_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "_ALWAYS_ALLOWED", 4 << 20)
    zeros = bytes(64 << 20)
    bombs = [
        packed_gzip(tmp_path / "bomb.gz", zeros),
        packed_zip(tmp_path / "bomb.zip", {"a.csv": zeros}),
        packed_tar(tmp_path / "bomb.tgz", {"a.csv": zeros}, "w:gz"),
    ]
    for file in bombs:
        tracemalloc.start()
        with pytest.raises(UserError, match=rf"{file.name}.*: unpacks to more than \d+ MiB"):
            read_in_pieces(file)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
        tracemalloc.stop()


def test_a_zip_that_lies_about_its_size_gives_no_wrong_bytes(tmp_path: Path) -> None:
    archive = packed_zip(tmp_path / "data.zip", {"a.csv": b"x\n" * 1_000})
    content = bytearray(archive.read_bytes())
    directory = content.index(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = (10).to_bytes(4, "little")
    archive.write_bytes(content)
    assert "data.zip: a.csv: damaged or cut off" in refused(archive)


def test_members_can_be_read_in_any_order_and_at_once(tmp_path: Path) -> None:
    for archive in every_archive(tmp_path, FILES):
        first, second, third = entries(archive, archive.name)
        with second.open() as one, first.open() as other:
            assert (one.read(2), other.read(2)) == (b"x\n", b"x\n")
            assert (one.read(), other.read(), bytes_of(third)) == (b"2\n", b"1\n", b"")
            assert bytes_of(second) == FILES["inner/b.csv"]


def test_the_digest_is_that_of_names_and_contents(tmp_path: Path) -> None:
    archives = every_archive(tmp_path, FILES)
    assert len({digest_entries({"train": entries(archive, "x")}) for archive in archives}) == 1
    other = packed_zip(tmp_path / "other.zip", FILES | {"a.csv": b"x\n9\n"})
    named = packed_zip(tmp_path / "named.zip", {f"in/{name}": content for name, content in FILES.items()})
    train, test = entries(archives[0], "x"), entries(other, "x")
    groups = [{"train": train}, {"train": test}, {"test": train}, {"train": entries(named, "x")}]
    assert len({digest_entries(group) for group in groups}) == 4


def test_real_archives_are_read_whole() -> None:
    recordings = entries(shared("spoken-digits/recordings.zip"), "recordings.zip")
    assert len(recordings) == 3_000
    assert {bytes_of(entry)[:4] for entry in recordings[::100]} == {b"RIFF"}
    [housing] = entries(shared("california-housing/housing.tgz"), "housing.tgz")
    assert bytes_of(housing) == shared("california-housing/housing.csv").read_bytes()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
@pytest.mark.parametrize("size", [-512, -1, 1 << 38, 1 << 50, 1 << 62])
def test_impossible_sizes_in_a_tar_neither_hang_nor_fill_memory(tmp_path: Path, kind: bytes, size: int) -> None:
    member = tarfile.TarInfo("a.csv")
    member.type, member.size = kind, size
    (tmp_path / "odd.tar").write_bytes(member.tobuf(tarfile.GNU_FORMAT) + bytes(20 * tarfile.BLOCKSIZE))
    assert "odd.tar: damaged or cut off" in refused(tmp_path / "odd.tar")

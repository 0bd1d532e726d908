"""What of DVC's cache may go: the way to a registered model stays, step by step, and so does what is young."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.digests import folder_digest
from tasks.errors import UserError
from tasks.memo.unneeded import CachedStep, _digest, _members, lineage


def step(name: str, inputs: set[str], *outputs: str) -> CachedStep:
    return CachedStep(
        file=Path(f"{name} {sorted(inputs)} {outputs}"),
        written=0,
        inputs=frozenset(inputs),
        outputs={f"{name}/{oid}": oid for oid in outputs},
    )


def test_the_way_to_a_model_is_all_that_the_steps_before_it_read_and_left_and_what_it_was_judged_by() -> None:
    steps = [
        step("ingest", {"source"}, "raw", "dataset"),
        step("split", {"raw", "code"}, "rows"),
        step("train", {"rows", "recipe"}, "model", "history"),
        step("train", {"rows", "other recipe"}, "other model", "history"),
        step("evaluate", {"model", "test"}, "metrics", "no plot"),
        step("evaluate", {"other model", "test"}, "other metrics", "no plot"),
        step("ingest", {"other source"}, "other raw"),
    ]
    rows = {"rows", "raw", "code", "dataset", "source"}
    # The other model has left a file of the same content twice, and is none of the way.
    assert lineage({"model"}, steps) == rows | {"model", "recipe", "history", "test", "metrics", "no plot"}
    assert lineage({"nobody made it"}, steps) == {"nobody made it"}
    assert lineage(set(), steps) == set()


OIDS = st.sets(st.integers(0, 12).map(str), max_size=4)


@given(st.lists(st.builds(lambda a, b: step("s", a, *sorted(b)), OIDS, OIDS), max_size=8), OIDS, OIDS)
def test_a_way_ends_and_grows_with_what_is_asked(steps: list[CachedStep], few: set[str], more: set[str]) -> None:
    way = lineage(few, steps)
    assert few <= way <= lineage(few | more, steps)
    for one in steps:
        outputs = set(one.outputs.values())
        if (one.inputs | outputs) & few:
            assert one.inputs | outputs <= way
            makers = [other for other in steps if set(other.outputs.values()) & one.inputs]
            assert all(other.inputs | set(other.outputs.values()) <= way for other in makers)


def cached(cache: Path, content: bytes, oid: str) -> str:
    path = cache / oid[:2] / oid[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return oid


def test_a_folder_in_the_cache_has_the_digest_that_it_has_outside(tmp_path: Path) -> None:
    folder, cache = tmp_path / "model", tmp_path / "cache"
    for name, content in (("model.json", b"{}"), ("deep/weights", b"\x00\x01"), ("b", b"")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    members = {"model.json": "a" * 32, "deep/weights": "b" * 32, "b": "c" * 32}
    for name, oid in members.items():
        cached(cache, (folder / name).read_bytes(), oid)
    lines = ", ".join(f'{{"md5": "{oid}", "relpath": "{name}"}}' for name, oid in members.items())
    oid = cached(cache, f"[{lines}]".encode(), f"{'d' * 32}.dir")
    assert _digest(cache, oid) == folder_digest(folder)
    (cache / "bb" / ("b" * 30)).unlink()
    assert _digest(cache, oid) is None


def test_a_damaged_list_is_no_empty_one(tmp_path: Path) -> None:
    oid = cached(tmp_path, b"[{]", f"{'d' * 32}.dir")
    with pytest.raises(UserError, match="nothing was removed; remove this file"):
        _members(tmp_path, oid)

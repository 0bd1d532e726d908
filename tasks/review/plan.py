"""Which stages do other work than at the base, and why, by the two locks. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tasks.memo.code import source_of
from tasks.memo.reasons import differences
from tasks.paths import OWN_CODE, STAGES

Lock = Mapping[str, Mapping[str, Any]]
"""The entries of dvc.lock by their stages, such as `train@churn`."""


def stages_that_differ(base: Lock, now: Lock, pipeline: str) -> dict[str, tuple[str, ...]]:
    """Each stage whose work is another than at the base, with why; in the order of the stages.

    What only follows from an earlier stage says so. A stage that has not run here is none: whoever asks what is out of
    date says that.
    """
    plan: dict[str, tuple[str, ...]] = {}
    for stage in STAGES:
        before, after = base.get(f"{stage}@{pipeline}"), now.get(f"{stage}@{pipeline}")
        if after is None:
            continue
        if before is None:
            plan[stage] = ("has not run at the base",)
        elif why := tuple(_reasons(stage, pipeline, before, after)):
            plan[stage] = why
        elif (made := _made(before)) != _made(after) or _given(before) != _given(after):
            follows = next(iter(plan), None)
            # A source lies outside of DVC's sight: that it changed is seen by what ingest has made.
            news = "the source changed" if stage == "ingest" and made else f"follows from {follows}"
            plan[stage] = (news,)
    return plan


def _reasons(stage: str, pipeline: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    if before.get("cmd") != after.get("cmd"):
        yield "its command changed"
    yield from _settings(pipeline, before, after)
    old, new = _digests(before, "deps"), _digests(after, "deps")
    for path in dict.fromkeys([*new, *old]):
        if old.get(path) == new.get(path) or _is_made(path, pipeline):
            continue
        name = source_of(path) or ("code of the user's own" if path == f"{OWN_CODE}/{pipeline}" else path)
        yield f"{name} {'is new' if path not in old else 'is read no more' if path not in new else 'changed'}"


def _settings(pipeline: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    old, new = (_settings_of(entry) for entry in (before, after))
    changes: list[str] = []
    for name in dict.fromkeys([*old, *new]):
        shown = name.removeprefix(f"pipelines.{pipeline}").removeprefix(".")
        changes += differences(shown, old.get(name), new.get(name))
    return changes


def _settings_of(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    settings: Mapping[str, Any] = entry.get("params", {}).get("params.yaml", {})
    return settings


def _is_made(path: str, pipeline: str) -> bool:
    """Whether an earlier stage leaves it."""
    return path.startswith(tuple(f"{folder}/{pipeline}" for folder in ("data", "models", "reports")))


def _given(entry: Mapping[str, Any]) -> dict[str, str]:
    return _digests(entry, "deps")


def _made(entry: Mapping[str, Any]) -> dict[str, str]:
    return _digests(entry, "outs")


def _digests(entry: Mapping[str, Any], kind: str) -> dict[str, str]:
    return {item["path"]: str(item.get("md5")) for item in entry.get(kind, ())}

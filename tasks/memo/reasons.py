"""Why a stage is out of date, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def differences(name: str, before: Any, after: Any) -> list[str]:
    """Every leaf in which two values differ, as "name before -> after"."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        keys = [*before, *(key for key in after if key not in before)]
        name = f"{name}." if name else ""
        return [line for key in keys for line in differences(f"{name}{key}", before.get(key), after.get(key))]
    if before == after:
        return []
    return [f"{name} {_shown(before)} -> {_shown(after)}"]


def _shown(value: Any) -> str:
    return "(not set)" if value is None else str(value)


def status_in_words(path: str, state: Any) -> str:
    """What DVC says of a file, in a few words."""
    return {
        "modified": f"{path} changed",
        "deleted": f"{path} is missing",
        "new": f"{path} is new",
        "unknown": f"{path} is new, or was edited while the stage ran",
        "not in cache": f"{path} is not in DVC's cache",
    }.get(state, f"{path}: {state}")

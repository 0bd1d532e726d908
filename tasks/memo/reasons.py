"""Why a stage is out of date, in words."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tasks.memo.code import source_of

if TYPE_CHECKING:
    from dvc.dependency import Dependency
    from dvc.stage import Stage


def why_out_of_date(stage: Stage, block: str, code: Mapping[str, str]) -> tuple[str, ...]:
    """Each reason in words; none for a stage that is up to date.

    `block` is what the names of all its parameters begin with, `code` what stands in the lists of code that it depends
    on (see code.py and own_code.py) as the source is now.
    """
    from dvc.dependency import ParamsDependency

    if not any(out.hash_info for out in stage.outs):
        return ("never ran",)
    reasons = ["its command changed"] if stage.changed_stage() else []
    for dep in stage.deps:
        if isinstance(dep, ParamsDependency):
            reasons += _param_changes(block, dep.hash_info.value or {}, dep.read_params())
        elif dep.def_path in code:
            reasons += _code_change(dep, code[dep.def_path])
        else:
            states = dep.status() if dep.hash_info else {dep.def_path: "unknown"}
            reasons += [status_in_words(path, state) for path, state in states.items()]
    for out in stage.outs:
        reasons += [status_in_words(path, state) for path, state in out.status().items()]
    return tuple(reasons)


def _param_changes(block: str, recorded: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    """Each changed leaf, named from the stage on: pipelines.P. is the same for all."""
    names = {name: name.removeprefix(block).removeprefix(".") for name in {**recorded, **current}}
    return [
        change for name, short in names.items() for change in differences(short, recorded.get(name), current.get(name))
    ]


def _code_change(dep: Dependency, digests: str) -> list[str]:
    # Of the user's own code the list alone says what it is of.
    source = source_of(dep.def_path) or digests.partition("  ")[2].strip() or "code of the user's own"
    if not dep.hash_info:
        return [status_in_words(source, "unknown")]
    # DVC knows the list by the MD5 of its bytes.
    is_same = dep.hash_info.value == hashlib.md5(digests.encode(), usedforsecurity=False).hexdigest()
    return [] if is_same else [status_in_words(source, "modified")]


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

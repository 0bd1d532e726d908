"""Settings that had another name before, or are gone: still read for one version, with a line that says so."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tasks.errors import printable

RENAMED: dict[str, str] = {
    "normalize.audio.floor_db": "top_db",
    "normalize.audio.mels": "n_mels",
    "train[torch].held_mebibytes": "max_memory_mib",
    "train[torch].accumulation": "gradient_accumulation",
    "train[torch].network.feedforward": "mlp_ratio",
    "train[torch].network.heads": "num_heads",
    "train[torch].network.layers": "num_layers",
    "train[torch].network.patch": "patch_size",
    "train[torch].network.windows": "kernel_sizes",
}
"""Where the setting stands in a pipeline's block, and its name today. `[KIND]` asks for that kind of section, `*` is
any key."""

RENAMED_WORDS: dict[str, dict[str, str]] = {
    "monitor.retrain": {"latency": "latency_p95_ms", "errors": "error_share", "volume": "least_rows"},
}
"""Lists of words in a pipeline's block, and the words of earlier versions with those of today."""

REMOVED: dict[str, str] = {
    "clean.number.in_text": "ingest reads numbers with a unit; to keep such a column words, give it type: text. "
    "Take it out",
    "train[lightgbm].checkpoint_minutes": "a LightGBM fit that is killed begins anew; take it out",
}
"""Settings that are gone and without which a block means the same: where they stood, and what to know."""

REPLACED: dict[str, str] = {
    "train.image_features": "write `normalize: {image: {encode: embedding, network: models:/NAME/VERSION}}` instead",
}
"""Settings that are gone, by their place in a pipeline's block, and what to write today."""

MISPLACED: dict[str, str] = {
    "features": "they stand in the section of the stage that computes them: write `normalize: {features: ...}`",
    "features_from": "it stands in the section of the stage that computes it: write `normalize: {features_from: ...}`",
}
"""Settings that people look for elsewhere, by the place that they give them, and where they stand."""

_KIND = re.compile(r"\[\w+\]")
_STEP = re.compile(r"^([^\[]+)(?:\[(\w+)\])?$")

_logger = logging.getLogger(__name__)


def instead_of(setting: str, known: Collection[str]) -> str | None:
    """What to do about a setting that is unknown today, by its place in a pipeline's block; None when it never was one.

    `known` are the settings of its section.
    """
    for path, name in RENAMED.items():
        if _KIND.sub("", path) == setting and name in known:
            return f"it is called {name} now, which stands there too; take the old one out"
    return REPLACED.get(setting) or MISPLACED.get(setting)


def outdated_in(block: Any) -> dict[str, str]:
    """The settings of a pipeline's block that are of an earlier version, such as `train.held_mebibytes`, each with what
    to do about it; but for those that stand there under both names, which are refused."""
    advice = {path: f"it is called {name} now" for path, name in RENAMED.items()} | REMOVED
    settings = {".".join([*where, name]): advice[path] for path, where, name in _outdated(block)}
    lists = {
        path: ", and ".join(f"{old} is called {new} now" for old, new in words.items())
        for path, words in _outdated_words(block)
    }
    return settings | lists


def with_new_names(block: Any) -> Any:
    """The block as it is written today. A setting that stands there under both names keeps both, and is refused."""
    for path, where, name in list(_outdated(block)):
        block = _changed(block, where, name, RENAMED.get(path))
    for path, words in list(_outdated_words(block)):
        section, name = path.split(".")
        today = [words.get(word, word) if isinstance(word, str) else word for word in block[section][name]]
        block = {**block, section: {**block[section], name: today}}
    return block


@cache
def warn_once(file: Path, pipeline: str, setting: str, advice: str) -> None:
    """One line a process for each setting: a run reads its parameters more than once."""
    where = printable(f"{file}: pipelines.{pipeline}.{setting}")
    _logger.warning("%s: %s; the old form is read for this version", where, advice)


def _outdated(block: Any) -> Iterator[tuple[str, tuple[str, ...], str]]:
    for path in (*RENAMED, *REMOVED):
        *sections, name = path.split(".")
        for where, section in _sections(block, sections):
            if name in section and RENAMED.get(path) not in section:
                yield path, where, name


def _outdated_words(block: Any) -> Iterator[tuple[str, dict[str, str]]]:
    """The lists with words of an earlier version, and those words with their names of today."""
    for path, renamed in RENAMED_WORDS.items():
        section, name = path.split(".")
        for _, content in _sections(block, [section]):
            words = content.get(name)
            former = [word for word in words if isinstance(word, str)] if isinstance(words, list) else []
            if outdated := {word: renamed[word] for word in former if word in renamed}:
                yield path, outdated


def _sections(block: Any, steps: list[str]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Every mapping that the steps lead to, with its way from the block."""
    if not isinstance(block, Mapping):
        return
    if not steps:
        yield (), block
        return
    match = _STEP.match(steps[0])
    assert match, f"{steps[0]} is no step of RENAMED"
    key, kind = match.groups()
    for name in list(block) if key == "*" else [key]:
        section = block.get(name)
        if isinstance(section, Mapping) and kind in (None, section.get("kind")):
            yield from (((str(name), *where), below) for where, below in _sections(section, steps[1:]))


def _changed(block: Mapping[str, Any], where: tuple[str, ...], old: str, new: str | None) -> dict[str, Any]:
    """A copy of the block in which the setting has its new name, in the same place, or is gone."""
    if where:
        return {**block, where[0]: _changed(block[where[0]], where[1:], old, new)}
    if new is None:
        return {key: value for key, value in block.items() if key != old}
    return {new if key == old else key: value for key, value in block.items()}

"""dvc.lock as text: one stage's entry is replaced, and all other bytes stay as they are.

DVC parses and writes the whole file, comments and all, for every stage that it saves: 0.1 s and more each time.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.files import write_text
from tasks.paths import OWN_CODE

if TYPE_CHECKING:
    from dvc.stage import Stage

_HEAD = "schema: '2.0'\nstages:\n"

_CHANGING = re.compile(r"\d{12}e[+-]|[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
"""What DVC's YAML library reads back as something else than it wrote: long numbers with an exponent, control signs.
An entry with one of these is written anew, and differently, with every later stage; so it is left to DVC."""


_FILES = re.compile(
    r"(?:    - path: (?:[a-z.][\w.-]*/[\w./-]+|[a-z][\w-]*\.[a-z]+)\n"
    r"      hash: md5\n"
    # Of the digits 0 to 9, b and e alone, YAML may make a number, and the text would stand in quotes.
    r"      md5: (?=[0-9be]*[acdf])[0-9a-f]{32}(?:\.dir)?\n"
    r"(?:      size: \d+\n)?(?:      nfiles: \d+\n)?)*",
    re.ASCII | re.IGNORECASE,
)
"""Lines of dependencies or outputs in which no value needs quotes."""


def write_entry(root: Path, stage: Stage) -> None:
    """As `stage.dump` does, byte for byte, in a tenth of the time."""
    from dvc.stage.serialize import to_single_stage_lockfile

    entry = entry_text(stage.name, to_single_stage_lockfile(stage))
    path = root / "dvc.lock"
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    after = with_entry(before, entry.splitlines(keepends=True)[0], entry)
    if after is None:  # edited by hand, or of another version of DVC
        stage.dump(update_pipeline=False)
    elif after != before:
        write_text(path, after)
        stage.repo.scm_context.track_file(str(path))


def entry_text(name: str, entry: Mapping[str, Any]) -> str:
    """The stage's lines below `stages:`, as DVC's YAML library writes them.

    Nearly all are of files, with a digest each, and the library is slow at it: where they need no quotes, they are
    written here.
    """
    from dvc.utils.serialize import dumps_yaml

    deps, outs = (_lines_of_files(key, entry.get(key, ())) for key in ("deps", "outs"))
    if not _FILES.fullmatch(deps.partition("\n")[2]) or not _FILES.fullmatch(outs.partition("\n")[2]):
        return str(dumps_yaml({"stages": {name: entry}})).removeprefix("stages:\n")
    others = {key: value for key, value in entry.items() if key not in ("deps", "outs")}
    dumped = str(dumps_yaml({"stages": {name: others}})).removeprefix("stages:\n")
    head, params, values = dumped.partition("    params:\n")
    return f"{head}{deps}{params}{values}{outs}"


def _lines_of_files(key: str, entries: Iterable[Mapping[str, Any]]) -> str:
    lines = [
        f"    {' ' if number else '-'} {name}: {value}\n"
        for file in entries
        for number, (name, value) in enumerate(file.items())
    ]
    return "".join([f"    {key}:\n", *lines]) if lines else ""


def with_entry(lock: str, key: str, entry: str) -> str | None:
    """The lock with this entry in the old one's place, or at the end; None when the text is not as DVC writes it.

    `key` is the entry's first line and `entry` all of its lines, both as DVC writes them below `stages:`.
    """
    if _CHANGING.search(lock) or _CHANGING.search(entry):
        return None
    if not lock:
        return _HEAD + entry
    # Edited by hand, or of another version of DVC: not ours to take apart.
    if not lock.startswith(_HEAD) or not lock.endswith("\n"):
        return None
    entries = _entries(lock[len(_HEAD) :])
    if entries is None:
        return None
    entries[key] = entry
    return _HEAD + "".join(entries.values())


def entry_of(lock: str, stage: str) -> str:
    """The stage's entry, its first line too; empty where it has none, or the lock is not as DVC writes it."""
    entries = _entries(lock.removeprefix(_HEAD)) if lock.startswith(_HEAD) else None
    return (entries or {}).get(f"  {stage}:\n", "")


def _entries(text: str) -> dict[str, str] | None:
    """Each entry's text by its first line, in order; None when there is anything but entries."""
    entries: dict[str, str] = {}
    key = ""
    for line in text.splitlines(keepends=True):
        if line.startswith("  ") and line[2] not in " -#\n":
            key = line
            entries[key] = ""
        elif not key or not line.startswith("    "):
            return None
        entries[key] += line
    return entries


def renamed(lock: str, old: str, new: str, *, anew: Collection[str]) -> str:
    """The lock with a pipeline's entries under another name; those of the stages `anew` are left out.

    Only what dvc.yaml makes of the name is replaced: a parameter's value that holds the same word stays.
    """
    entries = _entries(lock.removeprefix(_HEAD)) if lock.startswith(_HEAD) else None
    if entries is None:
        return lock
    lines: list[str] = []
    for key, entry in entries.items():
        stage, _, pipeline = key.strip(" :\n").partition("@")
        if pipeline != old:
            lines.append(entry)
        elif stage not in anew:
            lines += [_with_name(line, stage, old, new) for line in entry.splitlines(keepends=True)]
    return _HEAD + "".join(lines)


def has_entries(lock: str, pipeline: str) -> bool:
    """Whether any stage of the pipeline has an entry."""
    return re.search(rf"^  \w+@{re.escape(pipeline)}:$", lock, re.MULTILINE) is not None


def without(lock: str, pipeline: str) -> str:
    """The lock without a pipeline's entries."""
    entries = _entries(lock.removeprefix(_HEAD)) if lock.startswith(_HEAD) else None
    if entries is None:
        return lock
    return _HEAD + "".join(entry for key, entry in entries.items() if not key.endswith(f"@{pipeline}:\n"))


def _with_name(line: str, stage: str, old: str, new: str) -> str:
    """A line of an entry, as DVC writes it; values of parameters stand further right than all that is matched here."""
    folders = rf"(?:data|models|reports|expectations|{re.escape(OWN_CODE)})"
    head = rf"  {stage}@|    cmd: python (?:-P )?-m tasks {stage} |    - path: {folders}/"
    return re.sub(rf"^({head}|        pipelines\.){re.escape(old)}(?=[/.:\n])", rf"\g<1>{new}", line)

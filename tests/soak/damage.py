"""Every file that a project writes: turned bits, emptied, a folder in its place."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.projects import lock_entries
from tests.soak import subject
from tests.soak.recovery import run_as_told
from tests.soak.subject import Truth
from tests.soak.trial import Ending, Trial, has_traceback

_PASSPORT = f"reports/{subject.PIPELINE}/passport.json"
_OF_REGISTER = ("verdict.json", "passport.json", "registration.json")
_BY_PYTHON = ("__pycache__",)


def _turned(file: Path) -> None:
    """Bits in the middle, as a bad disk leaves them: size and end stand."""
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    for place in range(middle, min(middle + 16, len(content))):
        content[place] ^= 0x5A
    _written(file, bytes(content))


def _emptied(file: Path) -> None:
    _written(file, b"")


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _written(file: Path, content: bytes) -> None:
    # A file of its own, as what it was may be shared by a hard link; of the same rights, as DVC believes what is
    # read-only.
    rights = file.stat().st_mode
    file.unlink()
    file.write_bytes(content)
    file.chmod(rights)


DAMAGES: Mapping[str, Callable[[Path], None]] = {"bits turned": _turned, "emptied": _emptied, "a folder": _folder}


def written_files(root: Path) -> list[Path]:
    """What the project writes, not a person: all that git ignores, and dvc.lock."""
    ignored = subprocess.run(
        ["git", "ls-files", "--others", "-z"], cwd=root, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    files = [Path(name) for name in ignored if name and not set(Path(name).parts) & set(_BY_PYTHON)]
    return sorted({*files, Path("dvc.lock")})


def damages(folder: Path, truth: Truth, seed: int, share: float = 1.0) -> Iterator[Trial]:
    """Each file damaged in each way, one at a time; `share` of them, drawn, when not all are to be tried."""
    draw = random.Random(seed)
    for file in written_files(truth.root):
        for name in DAMAGES:
            if draw.random() >= share or (name == "emptied" and not (truth.root / file).stat().st_size):
                continue
            yield damage(subject.copied(truth.root, folder / "damaged"), truth, file, name)


def damage(root: Path, truth: Truth, file: Path, name: str) -> Trial:
    """One file of the project in `root`, a copy of the undisturbed one, and what the next run makes of it."""
    DAMAGES[name](root / file)
    ending, detail = _judged(root, truth, file)
    return Trial(kind=f"{_place(file)} damaged", disturbance=f"{file} {name}", ending=ending, detail=detail)


def _place(file: Path) -> str:
    return "/".join(file.parts[: 2 if file.parts[0] == ".dvc" else 1])


def _judged(root: Path, truth: Truth, file: Path) -> tuple[Ending, str]:
    is_cache = file.parts[:2] == (".dvc", "cache")
    if is_cache:  # which is read only where outputs are to be restored
        _remove_outputs(root)
    done, tried = run_as_told(root, "plain", "--json")
    good: Ending = "cured" if tried else "same"
    if has_traceback(done):
        return "traceback", done.stderr.strip().splitlines()[-1]
    if done.returncode != 0:
        return "blocked", f"did {tried}, then {done.returncode}: {done.stderr.strip()[-300:]}"
    outcomes = {stage["stage"]: stage["outcome"] for stage in json.loads(done.stdout)["stages"]}
    # An object of what stands unchanged is not read, and stays as it is; no other may be damaged by it.
    others = [line for line in subject.cache_complaints(root) if file.parent.name + file.name not in line]
    wrong = [*subject.file_complaints(root, truth), *others] if _is_read(file) else []
    if outcomes["register"] != "unchanged" and _lock(root) == _lock(truth.root):
        wrong = [line for line in wrong if not line.startswith(("dvc.lock differs", f"{_PASSPORT} differs"))]
    if file.parts[0] == "mlflow":
        wrong += subject.registry_complaints(root, truth)
    if not wrong:
        return good, ""
    return "untrue" if set(outcomes.values()) == {"unchanged"} else "different", "; ".join(wrong[:4])


def _lock(root: Path) -> dict[str, Any]:
    """dvc.lock but for the passport: one that is made again names the commit of that day."""
    stages = lock_entries(root)
    register = stages[f"register@{subject.PIPELINE}"]
    register["outs"] = [out for out in register["outs"] if out["path"] != _PASSPORT]
    return stages


def _remove_outputs(root: Path) -> None:
    """But for what register left: that is in the registry."""
    for path in (path for name in subject.LEFT for path in sorted((root / name).rglob("*")) if path.is_file()):
        if path.name not in _OF_REGISTER:
            path.unlink()


def _is_read(file: Path) -> bool:
    return file.parts[0] != "mlflow"

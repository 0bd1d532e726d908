"""A project that ran, found again at another place: moved, copied, cloned."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from tests.projects import command
from tests.soak import subject
from tests.soak.subject import Truth
from tests.soak.trial import Ending, Trial, has_traceback

NAMES = ("elsewhere", "a name with blanks", "Prüfung 100 %", "a+b&c=d")
"""Folders to go to: those whose names a URI writes otherwise; MLflow cannot live with # and ?, which is told."""


def moves(folder: Path, truth: Truth) -> Iterator[Trial]:
    """To each of the names, moved and copied, and cloned once."""
    for name in NAMES:
        for verb in ("moved", "copied"):
            yield move(folder / verb / name, truth, verb)
    yield _cloned(folder, truth)


def move(root: Path, truth: Truth, verb: Literal["moved", "copied"]) -> Trial:
    """To `root`: moved, the project is at its first place no more; copied, it is there still, and changed."""
    subject.copied(truth.root, root)
    with _hidden(truth.root):
        if verb == "copied":
            # Another model of that name: whoever reads the first project's store from the copy is told by it.
            shutil.copytree(truth.root.with_name(f"{truth.root.name}-hidden"), truth.root)
            shutil.rmtree(truth.root / "mlflow" / "artifacts")
        ending, detail = _judged(root, truth)
        if verb == "copied":
            shutil.rmtree(truth.root)
    shutil.rmtree(root)
    return Trial(kind=verb, disturbance=f"to {root.name!r}", ending=ending, detail=detail)


@contextmanager
def _hidden(root: Path) -> Iterator[None]:
    """Out of its place: whoever still goes there finds nothing."""
    aside = root.with_name(f"{root.name}-hidden")
    root.rename(aside)
    try:
        yield
    finally:
        aside.rename(root)


def _judged(root: Path, truth: Truth, made_again: Collection[str] = ()) -> tuple[Ending, str]:
    """`made_again`: what register leaves, where the registry is another one."""
    done = subject.run(root, "plain", "--json")
    if has_traceback(done):
        return "traceback", done.stderr.strip().splitlines()[-1]
    if done.returncode != 0:
        return "blocked", done.stderr.strip()[-300:]
    outcomes = {stage["stage"]: stage["outcome"] for stage in json.loads(done.stdout)["stages"]}
    again = [stage for stage, outcome in outcomes.items() if outcome != "unchanged" and stage != "register"]
    if again:
        return "different", f"{', '.join(again)} did it all again"
    wrong = subject.complaints(root, truth)
    if wrong := [line for line in wrong if line.partition(" differs")[0] not in made_again]:
        return "untrue", "; ".join(wrong[:4])
    return "same", ""


def _cloned(folder: Path, truth: Truth) -> Trial:
    """As docs/working.md shares a project: git and a DVC remote, here a folder."""
    shared, root = subject.copied(truth.root, folder / "shared"), folder / "clone"
    command(shared, "dvc", "remote", "add", "-d", "team", str(folder / "remote"))
    command(shared, "dvc", "push", "--quiet")
    subject.commit(shared)
    subprocess.run(["git", "clone", "--quiet", str(shared), str(root)], check=True)
    shutil.rmtree(shared)
    command(root, "dvc", "pull", "--quiet")
    ending, detail = _judged(root, truth, made_again=("dvc.lock", "reports/notes/passport.json"))
    return Trial(kind="cloned", disturbance="with a remote", ending=ending, detail=detail)

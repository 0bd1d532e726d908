"""Two and four runs at once, of one pipeline and of different ones, through any front end."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.projects import environment, make_project, modelwright
from tests.soak import subject
from tests.soak.recovery import recovered
from tests.soak.subject import COMMANDS, PIPELINE, FrontEnd, Truth
from tests.soak.trial import GOOD, Ending, Trial

_OF_OURS: tuple[FrontEnd, ...] = ("plain", "flow")
"""`dvc repro` does not wait: it says who is at work, and ends."""


def crowds(folder: Path, store: Path, truth: Truth, seed: int, num_rounds: int) -> Iterator[Trial]:
    """Each round: two and four of the same pipeline, then four different ones."""
    draw = random.Random(seed)
    for number in range(num_rounds):
        for size in (2, 4):
            root = subject.fresh(folder / f"crowd-{number}-{size}", store)
            ending, detail = _ended([_started(root, PIPELINE, draw) for _ in range(size)])
            if ending in GOOD:
                # Those that were refused were told to run again.
                after, detail = recovered(root, truth, "plain")
                ending = ending if after == "same" else after
            yield Trial(
                kind=f"{size} runs of one pipeline at once", disturbance=f"round {number}", ending=ending, detail=detail
            )
        ending, detail = _different(folder / f"crowd-{number}-different", store, truth, draw)
        yield Trial(kind="4 pipelines at once", disturbance=f"round {number}", ending=ending, detail=detail)


def _different(root: Path, store: Path, truth: Truth, draw: random.Random) -> tuple[Ending, str]:
    names = [PIPELINE, "second", "third", "fourth"]
    root.mkdir()
    block = subject.block(PIPELINE)
    params = "pipelines:\n" + "".join(block.replace(f"  {PIPELINE}:", f"  {name}:", 1) for name in names)
    make_project(root, params, store)
    ending, detail = _ended([_started(root, name, draw) for name in names])
    if ending != "same":
        return ending, detail
    here = subject.left(root)
    for name in names:
        for path, content in truth.files.items():
            if f"/{PIPELINE}/normalized/" in path and here.get(path.replace(f"/{PIPELINE}/", f"/{name}/")) != content:
                return "different", f"{path} of {name}"
    # An entry that another process wrote over would make its stage run again.
    for name in names:
        again = modelwright(root, "status", name, check=False)
        if "out of date" in again.stdout or again.returncode != 0:
            return "different", f"{name} after all: {again.stdout} {again.stderr}"
    return "same", ""


def _started(root: Path, pipeline: str, draw: random.Random) -> subprocess.Popen[str]:
    time.sleep(draw.choice((0, 0, draw.uniform(0, 3))))
    line = [word if word != PIPELINE else pipeline for word in COMMANDS[draw.choice(_OF_OURS)]]
    return subprocess.Popen(
        line, cwd=root, env=environment(root), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _ended(crowd: list[subprocess.Popen[str]]) -> tuple[Ending, str]:
    """cured: at least one went through, and others were told that it is at work on the same files."""
    endings: list[Ending] = []
    for process in crowd:
        printed, _ = process.communicate(timeout=900)
        if "Traceback (most recent call last)" in printed:
            return "traceback", printed.strip().splitlines()[-1]
        refused = process.returncode == 2 and "another process is at work on the same files" in printed
        if process.returncode != 0 and not refused:
            return "blocked", f"exit {process.returncode}: {printed.strip()[-300:]}"
        endings.append("cured" if refused else "same")
    if "same" not in endings:
        return "blocked", "each was refused for another"
    return ("cured" if "cured" in endings else "same"), ""

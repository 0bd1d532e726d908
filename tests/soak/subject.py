"""The project that is disturbed: one small pipeline in git, and what it is when nothing disturbs it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

from tests.projects import TINY, environment, files_below, lock_entries, make_project

PIPELINE = "notes"
LEFT = ("data", "models", "reports")
"""What the stages leave, beside dvc.lock."""

FrontEnd = Literal["plain", "flow", "dvc"]

COMMANDS: Mapping[FrontEnd, tuple[str, ...]] = {
    "plain": (sys.executable, "-m", "tasks.command.cli", "run", PIPELINE, "--plain"),
    "flow": (sys.executable, "-m", "tasks.command.cli", "run", PIPELINE),
    "dvc": (sys.executable, "-m", "dvc", "repro", f"register@{PIPELINE}"),
}

_REGISTRY = f"""
import hashlib, json, sys
import mlflow, pandas
from mlflow import MlflowClient

mlflow.set_tracking_uri(sys.argv[1])
client = MlflowClient()
experiment = client.get_experiment_by_name("{PIPELINE}")
ids = [experiment.experiment_id] if experiment else []
champion = mlflow.pyfunc.load_model("models:/{PIPELINE}@champion")
answers = champion.predict(pandas.read_csv("notes.csv").drop(columns="kind"))
print(json.dumps({{
    "versions": [version.status for version in client.search_model_versions("name='{PIPELINE}'")],
    "models": [str(model.status.value) for model in client.search_logged_models(ids)],
    "runs": [run.info.status for run in client.search_runs(ids)],
    "answers": hashlib.sha256(pandas.DataFrame(answers).to_csv().encode()).hexdigest(),
}}))
"""
"""What a stranger sees who asks the registry, and lets the champion answer."""


@dataclass(frozen=True, kw_only=True)
class Truth:
    """A project that ran undisturbed: the bytes that it left, its champion's answers, and what a run takes."""

    root: Path
    files: Mapping[str, Any]
    answers: str
    seconds: Mapping[FrontEnd, float]
    """Of a run from nothing, by front end, on this machine."""


def undisturbed(folder: Path, store: Path, front_ends: Sequence[FrontEnd] = tuple(COMMANDS)) -> Truth:
    """Runs the pipeline once with each front end, in a project each; the last one stays, as the one to compare with."""
    seconds: dict[FrontEnd, float] = {}
    for front_end in front_ends:
        root = fresh(folder / front_end, store)
        start = time.monotonic()
        done = run(root, front_end)
        seconds[front_end] = time.monotonic() - start
        assert done.returncode == 0, done.stdout + done.stderr
    commit(root)
    return Truth(root=root, files=left(root), answers=registry(root)["answers"], seconds=seconds)


def fresh(root: Path, store: Path) -> Path:
    """A project in which nothing ran."""
    root.mkdir(parents=True)
    params = TINY.split("pipelines:\n")[0] + "pipelines:\n" + block(PIPELINE)
    make_project(root, params, store)
    return root


def block(pipeline: str) -> str:
    """Its lines in the tiny params.yaml."""
    [block] = re.findall(rf"^  {pipeline}:.*?(?=^  \w|\Z)", TINY, flags=re.M | re.S)
    return str(block)


def commit(root: Path) -> None:
    """What docs/working.md says to commit, so that git can bring a damaged file back."""
    who = ("-c", "user.name=soak", "-c", "user.email=soak@localhost")
    subprocess.run(["git", "add", "--all"], cwd=root, check=True)
    subprocess.run(["git", *who, "commit", "--quiet", "--message", "ran"], cwd=root, check=True)


def run(root: Path, front_end: FrontEnd, *more: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """One undisturbed run, to its end."""
    command = [*COMMANDS[front_end], *more]
    env = environment(root, **variables)
    return subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, timeout=600)


def left(root: Path) -> dict[str, Any]:
    """Every file that the stages left, and what the lock says of each stage."""
    files = files_below(*(root / folder for folder in LEFT))
    return {**files, "dvc.lock": lock_entries(root)}


def registry(root: Path, store: str | None = None) -> dict[str, Any]:
    """What the registry holds and the champion answers; the reason under "failed" when it cannot be loaded."""
    uri = store or "sqlite:///mlflow/mlflow.db"  # from the project's folder, whose name may need quotes
    command = [sys.executable, "-c", _REGISTRY, uri]
    # Away from the project's code: what the registered model needs must be in the registry.
    env = {**environment(root), "PYTHONPATH": ""}
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        return {"failed": done.stderr.strip().splitlines()[-1]}
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def complaints(root: Path, truth: Truth, store: str | None = None) -> list[str]:
    """What is wrong with a project that has ended well, as somebody sees it from outside; empty when it is whole."""
    return [*file_complaints(root, truth), *cache_complaints(root), *registry_complaints(root, truth, store)]


def file_complaints(root: Path, truth: Truth) -> list[str]:
    """Files that differ from those of an undisturbed project, are missing, or should not be there."""
    here = left(root)
    differ = sorted(name for name in here.keys() & truth.files.keys() if here[name] != truth.files[name])
    return [
        *(f"{name} differs{_where(root, truth) if name == 'dvc.lock' else ''}" for name in differ),
        *(f"{name} is missing" for name in sorted(truth.files.keys() - here.keys())),
        *(f"{name} is left over" for name in sorted(here.keys() - truth.files.keys())),
    ]


def _where(root: Path, truth: Truth) -> str:
    """In which stages."""
    here, there = lock_entries(root), lock_entries(truth.root)
    return f" ({', '.join(sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name)))})"


def cache_complaints(root: Path) -> list[str]:
    """Objects of DVC's cache that do not hold what their name says."""
    objects = root / ".dvc" / "cache" / "files" / "md5"
    wrong = []
    for file in sorted(objects.glob("[0-9a-f][0-9a-f]/*")):
        name = file.parent.name + file.name
        content = file.read_bytes() if file.is_file() else b""
        if re.fullmatch(r"[0-9a-f]{32}(\.dir)?", name) and not file.name.endswith(".damaged"):
            digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
            if digest != name.removesuffix(".dir"):
                wrong.append(f"the cache's object {name} holds something else")
    return wrong


def registry_complaints(root: Path, truth: Truth, store: str | None = None) -> list[str]:
    """One version, which answers as it should, and nothing that a dead process began."""
    there = registry(root, store)
    if "failed" in there:
        return [f"the champion cannot be loaded: {there['failed'][:200]}"]
    wrong = []
    if there["versions"] != ["READY"]:
        wrong.append(f"versions in the registry: {there['versions']}")
    if there["answers"] != truth.answers:
        wrong.append("the champion answers otherwise")
    wrong += [f"a {status} logged model" for status in there["models"] if status != "READY"]
    wrong += [f"a {status} run" for status in there["runs"] if status == "RUNNING"]
    return wrong


def leftovers(root: Path) -> list[str]:
    """Drafts, journals and partial downloads that nobody is at work on."""
    pattern = re.compile(r"\..*\.tmp|.*-journal|.*-wal|.*-shm")
    return [
        f"left over: {file.relative_to(root)}"
        for file in sorted(root.rglob("*"))
        # The log of Prefect's own database is no rest: whoever opens that next, goes on from it.
        if pattern.fullmatch(file.name) and not {".git", ".prefect"} & set(file.parts)
    ]


def processes(root: Path) -> list[psutil.Process]:
    """Those that work in the project's folder, but for this one."""
    alive = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and Path(process.cwd()).is_relative_to(root):
                alive.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError):
            continue
    return [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def end(root: Path) -> list[str]:
    """Ends whoever still works in the project, by process id; their command lines."""
    lines = []
    for process in processes(root):
        try:
            lines.append(" ".join(process.cmdline())[:120])
            process.kill()
        except psutil.NoSuchProcess:
            continue
    return lines


def copied(source: Path, target: Path) -> Path:
    """The project again, at `target`: links stay links, times stay."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True)
    return target

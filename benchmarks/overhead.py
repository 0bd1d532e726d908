"""What the join of the stages costs: `python benchmarks/overhead.py`; results with their machine in docs/benchmarks.md.

Ratios come from commands run in turn (A B A B ...), so that they hold while the machine's speed drifts.
"""

from __future__ import annotations

import contextlib
import importlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import unittest.mock
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tasks.environment import collect_old_objects_rarely
from tasks.memo.chain import run_plain
from tasks.parallel import num_cores
from tasks.params.file import load_pipeline
from tasks.paths import STAGES, Project
from tests.projects import TINY, environment, make_project

PIPELINE = "masses"
RUNS = 7
NUM_BLOCKS = 20


def main() -> None:
    """Makes a project, measures, prints a table."""
    # As every command does: else what runs in this process is measured with Python's own setting.
    collect_old_objects_rarely()
    print(f"{platform.processor() or platform.machine()}, {num_cores()} cores, Python {platform.python_version()}\n")
    print("| what | seconds (median) | against | seconds (median) | ratio (median of pairs) | budget |")
    print("| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        project = make_project(Path(folder) / "one", TINY)
        with contextlib.chdir(project.root):
            run_plain(project, PIPELINE)
            _help(project)
            _nothing_changed(project)
            _one_of_many(project, Path(folder) / "many")
            _stages(project, PIPELINE)
        _digits(Path(folder) / "digits")


def _help(project: Project) -> None:
    helped, bare = _in_turn(
        lambda: _command(project, "-m", "tasks.command.cli", "--help"), lambda: _command(project, "-c", "pass")
    )
    _row("`modelwright --help`", helped, "`python -c pass`", bare, "0.2 s")


def _nothing_changed(project: Project) -> None:
    plain = ("-m", "tasks.command.cli", "run", PIPELINE, "--plain", "--json")
    repro = ("-m", "dvc", "repro", "--quiet", f"register@{PIPELINE}")
    snapshot = project.pipeline(PIPELINE).snapshot
    _command(project, *plain)
    known, dvc = _in_turn(lambda: _command(project, *plain), lambda: _command(project, *repro))
    _row("nothing changed, `run --plain`", known, "`dvc repro`", dvc, "0.3")

    def asked() -> float:
        snapshot.unlink(missing_ok=True)
        return _command(project, *plain)

    first, dvc = _in_turn(asked, lambda: _command(project, *repro))
    _row("the same, without a snapshot", first, "`dvc repro`", dvc, "")


def _one_of_many(alone: Project, folder: Path) -> None:
    """The pipeline beside nineteen others in params.yaml, none of which is run."""
    block = TINY[TINY.index(f"  {PIPELINE}:") : TINY.index("  notes:")]
    others = [block.replace(PIPELINE, f"{PIPELINE}-{number}", 1) for number in range(1, NUM_BLOCKS)]
    many = make_project(folder, "".join(["pipelines:\n", block, *others]))
    with contextlib.chdir(many.root):
        run_plain(many, PIPELINE)
    plain = ("-m", "tasks.command.cli", "run", PIPELINE, "--plain", "--json")
    of_many, of_one = _in_turn(lambda: _command(many, *plain), lambda: _command(alone, *plain))
    _row(f"one pipeline of {NUM_BLOCKS}, nothing changed", of_many, "alone", of_one, "1.1")

    def asked(project: Project) -> float:
        project.pipeline(PIPELINE).snapshot.unlink(missing_ok=True)
        return _command(project, *plain)

    of_many, of_one = _in_turn(lambda: asked(many), lambda: asked(alone))
    _row("the same, without a snapshot", of_many, "alone", of_one, "1.1")
    of_many, of_one = _in_turn(lambda: _forced(many), lambda: _forced(alone), runs=5)
    _row(f"one pipeline of {NUM_BLOCKS}, all stages run, in process", of_many, "alone", of_one, "1.1")


def _stages(project: Project, pipeline: str, runs: int = RUNS) -> None:
    """All nine stages, in this process: by the chain, and by a script of the same functions."""
    chain, script = _in_turn(lambda: _forced(project, pipeline), lambda: _bare(project, pipeline), runs)
    _row(f"whole chain of `{pipeline}`, `--force`, in process", chain, "the bare functions", script, "1.15")
    overhead = (statistics.median(chain) - statistics.median(script)) / len(STAGES)
    print(f"| overhead of a stage of `{pipeline}` | {overhead:.3f} | | | | 0.08 s |")


def _digits(folder: Path) -> None:
    """The pipeline that comes with the project: its chain, and what tracking costs its training."""
    project = make_project(folder, (Path(__file__).parents[1] / "params.yaml").read_text())
    with contextlib.chdir(project.root):
        run_plain(project, "digits")
        _stages(project, "digits", runs=5)
        _tracking(project)


def _tracking(project: Project) -> None:
    """The stage train of `digits`, with its run in MLflow and without; mlflow is imported by then."""
    from tasks import train
    from tasks.tracking.runs import RunLog

    paths, config = project.pipeline("digits"), load_pipeline(project.params, "digits")

    def untracked() -> float:
        with unittest.mock.patch.object(train, "open_run", return_value=RunLog(None)):
            return _seconds(lambda: train.run(config.train, paths))

    tracked, without = _in_turn(lambda: _seconds(lambda: train.run(config.train, paths)), untracked, runs=5)
    _row("train `digits`, tracked", tracked, "not tracked", without, "1.02")


def _forced(project: Project, pipeline: str = PIPELINE) -> float:
    with contextlib.chdir(project.root):
        return _seconds(lambda: run_plain(project, pipeline, force=True))


def _bare(project: Project, pipeline: str) -> float:
    paths = project.pipeline(pipeline)

    def script() -> None:
        config = load_pipeline(project.params, pipeline)
        for stage in STAGES:
            importlib.import_module(f"tasks.{stage}").run(config.stage(stage), paths)

    return _seconds(script)


def _command(project: Project, *arguments: str) -> float:
    env = environment(project.root)

    def run() -> None:
        subprocess.run([sys.executable, *arguments], cwd=project.root, env=env, check=True, capture_output=True)

    return _seconds(run)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _in_turn(
    first: Callable[[], float], second: Callable[[], float], runs: int = RUNS
) -> tuple[list[float], list[float]]:
    """Seconds of both, A B A B ..., after one of each that is not counted."""
    first(), second()
    pairs = [(first(), second()) for _ in range(runs)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def _row(what: str, a: Sequence[float], against: str, b: Sequence[float], budget: str) -> None:
    ratio = statistics.median(x / y for x, y in zip(a, b, strict=True))
    print(f"| {what} | {statistics.median(a):.2f} | {against} | {statistics.median(b):.2f} | {ratio:.2f} | {budget} |")


if __name__ == "__main__":
    main()

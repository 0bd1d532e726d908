"""How long `modelwright up` takes until all is ready, and what it holds in memory: `python benchmarks/operate.py`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from tasks.operating.operation import Operation, running
from tasks.operating.sessions import members, memory
from tasks.scaffold.new_project import new_project
from tests.projects import environment

IDLE_SECONDS = 30

SCHEDULES = """\
deployments:
  - name: yearly
    entrypoint: flows.training.training
    parameters: {pipeline: none}
    schedules: [{cron: "0 3 1 1 *", timezone: Etc/UTC}]
"""


def main() -> None:
    """A new project, started twice: the first start makes both databases."""
    with tempfile.TemporaryDirectory() as folder:
        project = new_project(Path(folder) / "project").project
        project.deployments.write_text(SCHEDULES)
        print("| start | seconds | processor seconds | MiB after half a minute |\n| --- | --- | --- | --- |")
        for name in ("the first", "the second"):
            began = time.monotonic()
            modelwright(project.root, "up", "--detach")
            seconds = time.monotonic() - began
            operation = running(project)
            assert operation is not None
            worked = sum(sum(process.cpu_times()[:4]) for process in processes(operation))
            time.sleep(IDLE_SECONDS)
            held = {service.name: memory(members(service.process)) for service in operation.services if service.process}
            held["supervisor"] = memory([psutil.Process(operation.supervisor.pid)])
            parts = ", ".join(f"{part} {size / 2**20:.0f}" for part, size in held.items())
            print(f"| {name} | {seconds:.1f} | {worked:.1f} | {sum(held.values()) / 2**20:.0f} ({parts}) |")
            modelwright(project.root, "down")


def modelwright(folder: Path, *arguments: str) -> None:
    """A command in a process of its own, as a person gives it."""
    command = [sys.executable, "-m", "tasks.command.cli", *arguments]
    subprocess.run(command, cwd=folder, env=environment(folder), check=True, stdout=subprocess.DEVNULL)


def processes(operation: Operation) -> list[psutil.Process]:
    """All that is up, and the supervisor."""
    own = psutil.Process(operation.supervisor.pid)
    return [own, *(process for known in operation.known_processes for process in members(known))]


if __name__ == "__main__":
    main()

"""A registry with versions of the shop's model, and `modelwright serve` as a process of its own."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tasks import train
from tasks.params.file import load_pipeline
from tasks.paths import Paths
from tasks.tracking import store
from tasks.tracking.contents import write_listing
from tests.projects import environment
from tests.scoring.shop import PARAMS, registered_shop

KEY = "a key of the tests"
ROW = {"alter": 41, "ort": "Ulm", "umsatz": "8.000,50", "seit": None}


def registered_versions(root: Path) -> Paths:
    """Version 1 is champion; 2 was trained with a stronger penalty; 3 does not load, though its files are whole."""
    paths = registered_shop(root)
    client = store.connect(paths.project)
    first = Path(client.get_model_version("shop", "1").source.removeprefix("file://"))
    paths.project.params.write_text(PARAMS.replace("kind: logistic_regression", "kind: logistic_regression, C: 0.0001"))
    train.run(load_pipeline(paths.project.params, "shop").train, paths)
    second = shutil.copytree(first, root / "versions" / "2")
    shutil.copytree(paths.model, second / "artifacts" / "shop", dirs_exist_ok=True)
    third = shutil.copytree(first, root / "versions" / "3")
    (third / "artifacts" / "shop" / "model.skops").write_bytes(b"no model")
    for folder in (second, third):
        (folder / "files.json").unlink()
        write_listing(folder)
        client.create_model_version("shop", source=folder.as_uri(), await_creation_for=0)
    paths.project.params.write_text(f"{PARAMS}    monitor: {{log: true, min_rows: 20}}\n")
    return paths


def move(paths: Paths, version: int, alias: str = "champion") -> None:
    store.connect(paths.project).set_registered_model_alias("shop", alias, str(version))


@dataclass
class Running:
    """A server that answers."""

    process: subprocess.Popen[str]
    address: str
    log: Path
    client: httpx.Client

    def predict(self, rows: Any, **parameters: str) -> httpx.Response:
        return self.client.post("/predict", json=rows, params=parameters)

    def ready(self) -> dict[str, Any]:
        return self.client.get("/ready").json()

    def wait_for(self, **wanted: Any) -> dict[str, Any]:
        """What `/ready` says when it says this."""
        for _ in range(2_000):
            state = self.ready()
            if all(state.get(name) == value for name, value in wanted.items()):
                return state
            time.sleep(0.05)
        raise AssertionError(f"{state}\n{self.log.read_text()}")

    def metric(self, name: str, **labels: str) -> float:
        from prometheus_client.parser import text_string_to_metric_families

        families = text_string_to_metric_families(self.client.get("/metrics").text)
        samples = [sample for family in families for sample in family.samples]
        return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())

    def children(self) -> list[int]:
        """The numbers of the processes that the server started."""
        folder = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(number) for number in folder.read_text().split()]

    def command_of(self, pid: int) -> str:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


@contextmanager
def running(paths: Paths, *options: str, asked: str = "shop", **variables: str) -> Iterator[Running]:
    """The command, until the end of the block, which a signal brings about."""
    root = paths.project.root
    log = root / "serve.log"
    command = [sys.executable, "-m", "tasks.command.cli", "serve", asked, "--port", "0", "--poll", "0.2", *options]
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, cwd=root, env=environment(root, **variables), stdout=subprocess.PIPE, stderr=errors, text=True
        )
        try:
            assert process.stdout is not None
            found = re.search(r"http://[\d.]+:\d+", process.stdout.readline())
            assert found, log.read_text()
            address = found[0]
            headers = {"Authorization": f"Bearer {KEY}"}
            with httpx.Client(base_url=address, timeout=60, trust_env=False, headers=headers) as client:
                yield Running(process=process, address=address, log=log, client=client)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False

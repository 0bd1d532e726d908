"""`modelwright serve` under load, against MLflow's server, LitServe and a bare handler, on the same model in one run.

`python benchmarks/serving_load.py [--seconds 8] [--rounds 3] [--litserve PYTHON]`. It needs wrk
(`apt-get install wrk`); PYTHON has this project's packages and litserve. Servers take turns; what is shown are medians.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.answers import registered_bench
from benchmarks.steady_load import Load, steady_load
from tasks.parallel import num_cores
from tasks.paths import Project
from tasks.tracking import store
from tasks.tracking.registered import registered_model

CONNECTIONS = 32
LITTLE = 500
"""Requests a second."""
_BESIDE = "beside a process that works when nobody else would"
_BARE, _EMPTY, _LITSERVE = (Path(__file__).with_name(f"{name}_server.py") for name in ("bare", "empty", "litserve"))
_IDLE = "import os\nos.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\nwhile True: pass"
"""Works when nobody else would, as the process of a shadow does, and for nobody at all."""
_LATENCY = re.compile(r"(50|95|99)\.?\d*%\s+([\d.]+)(us|ms|s)")
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


def main() -> None:
    """Registers, measures, prints the tables."""
    options = _options()
    os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"}
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    with tempfile.TemporaryDirectory() as folder:
        project = registered_bench(Path(folder), _table())
        model = registered_model(project, "bench")
        _second_version(project, model.packed)
        servers = _servers(project, model.packed, options.litserve)
        loads: dict[str, list[Load]] = {name: [] for name in servers}
        for _ in range(options.rounds):
            for name, (command, body) in servers.items():
                with _running(command, project.root, body) as address:
                    loads[name].append(_wrk(address, body, options.seconds))
        _show(loads)
        ours = servers["modelwright serve"]
        _show_ours(project, ours, loads["modelwright serve"], options.seconds, options.rounds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--litserve", metavar="PYTHON")
    return parser.parse_args()


def _table() -> pl.DataFrame:
    """20 columns: 12 numbers, 4 categories, 2 truth values, a time as text, and a short text."""
    random = np.random.default_rng(0)
    count = 2_000
    numbers = {f"number {place}": random.normal(size=count) for place in range(12)}
    towns = {f"category {place}": random.choice(["Ulm", "Bonn", "Rome"], count) for place in range(4)}
    truths = {f"boolean {place}": random.random(count) < 0.5 for place in range(2)}
    text = [" ".join(random.choice(["red", "green", "blue", "new", "old"], 6)) for _ in range(count)]
    target = np.where(numbers["number 0"] + random.normal(size=count) > 0, "yes", "no")
    return pl.DataFrame({**numbers, **towns, **truths, "text": text, "target": target})


def _row() -> dict[str, Any]:
    return _table().drop("target").row(7, named=True)


def _second_version(project: Project, packed: Path) -> None:
    copy = shutil.copytree(packed, project.root / "second")
    store.connect(project).create_model_version("bench", source=copy.as_uri(), await_creation_for=0)


def _servers(project: Project, packed: Path, litserve: str | None) -> dict[str, tuple[list[str], dict[str, Any]]]:
    """Each one's command, without its port, and the body of a request: a row in JSON as that server has it."""
    rows = {"rows": [_row()]}
    python = [sys.executable, "-P", "-W", "ignore"]
    mlflow = ["-m", "mlflow", "models", "serve", "-m", str(packed), "--env-manager", "local", "-p"]
    servers = {
        "modelwright serve": ([*python, "-m", "tasks.command.cli", "serve", "bench", "--poll", "1", "--port"], rows),
        "bare handler": ([*python, str(_BARE), str(packed)], rows),
        "mlflow models serve": ([*python, *mlflow], {"dataframe_records": rows["rows"]}),
    }
    if litserve:
        servers["LitServe"] = ([litserve, "-P", "-W", "ignore", str(_LITSERVE), str(packed)], rows)
    return servers


@contextmanager
def _running(command: Sequence[str], folder: Path, body: dict[str, Any]) -> Iterator[str]:
    """The address that answers such a body, until the end of the block."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    path = "/invocations" if "dataframe_records" in body else "/predict"
    address = f"http://127.0.0.1:{port}{path}"
    process = subprocess.Popen(
        [*command, str(port)], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        _wait_for(address, body, process)
        yield address
    finally:
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, sign)
                process.wait(15)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue


def _wait_for(address: str, body: dict[str, Any], process: subprocess.Popen[bytes]) -> None:
    for _ in range(1_200):
        assert process.poll() is None, f"the server of {address} ended"
        try:
            answer = httpx.post(address, json=body, timeout=30, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.1)
            continue
        assert answer.status_code == 200, answer.text
        return
    raise AssertionError(f"no server at {address}")


def _wrk(address: str, body: dict[str, Any], seconds: int) -> Load:
    """As many answers as it gives to 32 connections that ask again at once."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        text = json.dumps(json.dumps(body))
        script.write(
            f'wrk.method="POST"\nwrk.headers["Content-Type"]="application/json"\nwrk.body={text}\n'
            'function done(summary, latency, requests)\n  io.write(string.format("95%% %.1fus\\n", '
            "latency:percentile(95)))\nend\n"
        )
        script.flush()
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", script.name, address]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    shares = {int(share): float(value) * _UNITS[unit] for share, value, unit in _LATENCY.findall(text)}
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    assert rate, text
    return Load(float(rate[1]), shares[50], shares[95], shares[99], int(failed[1]) if failed else 0)


def _median(loads: Sequence[Load]) -> Load:
    rates, p50, p95, p99 = (
        statistics.median(getattr(load, name) for load in loads) for name in ("rate", "p50", "p95", "p99")
    )
    return Load(rates, p50, p95, p99, sum(load.num_failed for load in loads))


def _show(loads: dict[str, list[Load]]) -> None:
    print(f"{platform.processor() or platform.machine()}, {num_cores()} cores, Python {platform.python_version()}\n")
    print(f"| one row a request, {CONNECTIONS} connections | answers a second | p50 ms | p95 | p99 | ours against it |")
    print("| --- | --- | --- | --- | --- | --- |")
    ours = loads["modelwright serve"]
    for name, own in loads.items():
        load = _median(own)
        ratio = statistics.median(one.rate / other.rate for one, other in zip(ours, own, strict=True))
        shown = "" if own is ours else f"{ratio:.2f}"
        failed = f" ({load.num_failed} failed)" if load.num_failed else ""
        print(f"| {name}{failed} | {load.rate:,.0f} | {load.p50:.1f} | {load.p95:.1f} | {load.p99:.1f} | {shown} |")


def _show_ours(
    project: Project,
    server: tuple[list[str], dict[str, Any]],
    loads: list[Load],
    seconds: int,
    rounds: int,
) -> None:
    """At half its greatest load and at little, alone and with a shadow in turn; and while the champion moves.

    Beside it what nothing of ours can go below: a server that has nothing to answer, for what asking takes, and ours
    alone while any other process works, for what a shadow's would take if its copies came of themselves.
    """
    command, body = server
    half = _median(loads).rate / 2
    print(
        "\n| requests at even times | a second | p50 ms | p95 | p99 | failed | p99 to that alone |\n"
        + "| --- " * 7
        + "|"
    )
    client = store.connect(project)
    for rate in (half, LITTLE):
        client.set_registered_model_alias("bench", "challenger", "2")
        steady: dict[str, list[Load]] = {}
        for _ in range(rounds):
            for name, own in _variants(command).items():
                with _running(own, project.root, body) as address:
                    if "--shadow" in own:
                        _wait_for_challenger(address)
                    with _idle_work() if name == _BESIDE else nullcontext():
                        load = uvloop.run(steady_load(address, body, rate, seconds))
                steady.setdefault(name, []).append(load)
        for name, loads_of in steady.items():
            ratio = statistics.median(one.p99 / alone.p99 for one, alone in zip(loads_of, steady["alone"], strict=True))
            _print_load(name, rate, _median(loads_of), "" if name == "alone" else f"{ratio:.2f}")
    client.delete_registered_model_alias("bench", "challenger")
    with _running(command, project.root, body) as address:
        mover = uvloop.run(_while_moving(project, address, body, half))
        _print_load("while the champion moves ten times", half, mover, "")


def _variants(command: list[str]) -> dict[str, list[str]]:
    """The commands that are asked at even times, without their port."""
    return {
        "nothing to answer": [sys.executable, "-P", str(_EMPTY)],
        "alone": command,
        _BESIDE: command,
        "with a shadow": [*command[:-1], "--shadow", "challenger", command[-1]],
        "with a shadow of a tenth": [*command[:-1], "--shadow", "challenger=10", command[-1]],
    }


@contextmanager
def _idle_work() -> Iterator[None]:
    """A process that works for nobody, when nobody else would."""
    process = subprocess.Popen([sys.executable, "-c", _IDLE])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _wait_for_challenger(address: str) -> None:
    """To start a model takes seconds of the processor, which are no part of what copies cost."""
    ready = address.replace("/predict", "/ready")
    while httpx.get(ready, trust_env=False).json()["challenger"] is None:
        time.sleep(0.2)


def _print_load(name: str, rate: float, load: Load, ratio: str) -> None:
    shown = f"{load.p50:.1f} | {load.p95:.1f} | {load.p99:.1f} | {load.num_failed}"
    print(f"| {name} | {rate:,.0f} | {shown} | {ratio} |")


async def _while_moving(project: Project, address: str, body: dict[str, Any], rate: float) -> Load:
    """Loads until ten moves have come into effect, each seen by the version that answers."""
    ended = asyncio.Event()
    load = asyncio.create_task(steady_load(address, body, rate, None, ended))
    ready = address.replace("/predict", "/ready")
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        for move in range(10):
            version = 2 - move % 2
            client = store.connect(project)
            await asyncio.to_thread(client.set_registered_model_alias, "bench", "champion", str(version))
            while (await http.get(ready)).json()["live"] != version:
                await asyncio.sleep(0.2)
    ended.set()
    return await load


if __name__ == "__main__":
    main()

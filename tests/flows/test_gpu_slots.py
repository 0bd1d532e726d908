"""Trainings on one card, which is made up, by runs of a real server: one at a time, and nobody else waits."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import FlowRun

from flows import gpu_slots
from flows.gpu_slots import make_limits
from flows.gpus import Gpu, gpus_of_machine
from flows.processes import end_dead_runs
from tests.flows.commands import process, until

pytestmark = pytest.mark.chain

RUN = """
import sys, time
from pathlib import Path
from types import SimpleNamespace

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from flows.processes import record_process
from flows.training import in_turn
from tasks.params.torch import TorchTrain

@flow(name="in_turn", flow_run_name="{pipeline}")
def trained(pipeline: str, device: str) -> None:
    record_process(flow_run.id)
    parameters = SimpleNamespace(
        train=TorchTrain.model_validate({"kind": "torch", "network": {"kind": "mlp"}, "device": device})
    )

    def performed() -> None:
        with in_turn("train", parameters):
            Path(f"{pipeline}.begun").write_text(str(time.time()))
            while not Path(f"{pipeline}.go").exists():
                time.sleep(0.05)
            Path(f"{pipeline}.ended").write_text(str(time.time()))

    with in_turn("ingest", parameters):
        Path(f"{pipeline}.data").touch()
    task(name="train", cache_policy=NO_CACHE)(performed)()

trained(*sys.argv[1:])
"""


@pytest.fixture
def gpu(server: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gpu:
    """A card of which the driver's command tells, and its limit."""
    driver = tmp_path / "driver" / "nvidia-smi"
    driver.parent.mkdir()
    driver.write_text(f"#!/bin/sh\necho 'GPU 0: Made up (UUID: GPU-{uuid4()})'\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", f"{driver.parent}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    (tmp_path / "run.py").write_text(RUN)
    monkeypatch.chdir(tmp_path)
    [card] = gpus_of_machine()
    make_limits([card])
    return card


def run_of(client: SyncPrefectClient, called: str) -> FlowRun:
    return next(run for run in client.read_flow_runs() if run.name.partition(":")[0] == called)


def taken(client: SyncPrefectClient, gpu: Gpu) -> int:
    return int(client.read_global_concurrency_limit_by_name(gpu.limit).active_slots)


def test_two_trainings_on_a_card_take_turns_and_one_on_the_cpu_does_not(
    gpu: Gpu, server: dict[str, str], tmp_path: Path
) -> None:
    environment = {**server, "PATH": os.environ["PATH"]}

    def command(pipeline: str, device: str) -> list[str]:
        return [sys.executable, "run.py", pipeline, device]

    first, second, cpu = (f"{name}-{gpu.uuid[-12:]}" for name in ("first", "second", "cpu"))
    with get_client(sync_client=True) as client, process(command(first, "auto"), tmp_path, environment) as one:
        until((tmp_path / f"{first}.begun").exists)
        with (
            process(command(second, "cuda:0"), tmp_path, environment) as other,
            process(command(cpu, "cpu"), tmp_path, environment) as beside,
        ):
            (tmp_path / f"{cpu}.go").touch()
            assert beside.wait(60) == 0
            # It has done its data stages, and says what it waits for: on its page and in its log.
            until((tmp_path / f"{second}.data").exists)
            waiting = f"{second}: train waits for GPU 0, which run {first} trains on"
            until(lambda: run_of(client, second).name == waiting)
            assert not (tmp_path / f"{second}.begun").exists()
            (tmp_path / f"{second}.go").touch()
            (tmp_path / f"{first}.go").touch()
            assert (one.wait(60), other.wait(60)) == (0, 0)
        ended = float((tmp_path / f"{first}.ended").read_text())
        assert float((tmp_path / f"{second}.begun").read_text()) > ended
        waited = run_of(client, second)
        assert waited.name == second
        logs = client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[waited.id])))
        assert sum(log.message.startswith("train waits for GPU 0") for log in logs) == 1
        assert taken(client, gpu) == 0


def test_a_killed_run_leaves_its_card_to_others(gpu: Gpu, server: dict[str, str], tmp_path: Path) -> None:
    environment, killed = {**server, "PATH": os.environ["PATH"]}, f"killed-{gpu.uuid[-12:]}"
    with get_client(sync_client=True) as client:
        with process([sys.executable, "run.py", killed, "cuda"], tmp_path, environment) as started:
            until((tmp_path / f"{killed}.begun").exists)
            started.kill()
        assert taken(client, gpu) == 1
        assert killed in end_dead_runs()
        assert taken(client, gpu) == 0


def test_a_limit_that_somebody_changed_stays_so(gpu: Gpu) -> None:
    with get_client(sync_client=True) as client:
        client.update_global_concurrency_limit(gpu.limit, GlobalConcurrencyLimitUpdate(limit=2))
        make_limits([gpu])
        limit = client.read_global_concurrency_limit_by_name(gpu.limit)
        assert (limit.limit, limit.slot_decay_per_second) == (2, 0)


def test_a_slot_that_no_run_holds_is_freed(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a restart of a server that keeps leases in memory."""
    monkeypatch.setattr(gpu_slots, "_ORPHANED", 0.0)
    monkeypatch.setattr(gpu_slots, "_LOOK_EVERY", 0.01)
    with get_client(sync_client=True) as client:
        client.update_global_concurrency_limit(gpu.limit, GlobalConcurrencyLimitUpdate(active_slots=1))
        sentences: list[str] = []
        lease = gpu_slots._lease(client, [gpu], sentences.append)
        assert sentences == ["waits for GPU 0, which is taken"]
        assert taken(client, gpu) == 1
        client.release_concurrency_slots_with_lease(lease)


def test_without_a_limit_nobody_waits(gpu: Gpu) -> None:
    with get_client(sync_client=True) as client:
        client.delete_global_concurrency_limit_by_name(gpu.limit)
    with gpu_slots.gpu_slots(uuid4(), [gpu], pytest.fail):
        pass

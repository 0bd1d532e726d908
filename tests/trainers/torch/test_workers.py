"""How workers share rows and add up what they found; two real processes, joined by gloo as torchrun joins them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import multiprocessing, nn

from tasks.errors import UserError
from tasks.trainers.torch.workers import ALONE, MEETING, Workers, joined, synchronized

TWO = Workers(rank=0, size=2)
CPU = torch.device("cpu")


@given(num_rows=st.integers(0, 300), size=st.integers(1, 9))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_shares_are_all_rows_once_in_order_and_differ_by_one_at_most(num_rows: int, size: int) -> None:
    shares = [Workers(rank=rank, size=size).share(num_rows) for rank in range(size)]
    assert [row for share in shares for row in range(num_rows)[share]] == list(range(num_rows))
    sizes = [share.stop - share.start for share in shares]
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= 1 or num_rows < size


def test_a_process_that_torchrun_did_not_start_is_alone_and_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # Some schedulers set RANK and WORLD_SIZE for a machine, not for a process of torchrun's.
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    numbers = torch.ones(3)
    with joined("cpu") as workers:
        assert workers == ALONE
        assert workers.is_first
        workers.sum_([numbers])
        assert workers.agree(True)
        assert not workers.agree(False)
    assert numbers.tolist() == [1, 1, 1]
    assert not torch.distributed.is_initialized()


def test_alone_a_network_keeps_its_own_batch_norms() -> None:
    network = _network()
    assert synchronized(network, ALONE, CPU) is network
    assert not any(isinstance(module, nn.SyncBatchNorm) for module in network.modules())


def test_batch_norms_on_gpus_go_by_all_workers_and_keep_weights_names_and_mode() -> None:
    network = _network().eval()
    before = network.state_dict(keep_vars=True)
    shared = synchronized(network, TWO, torch.device("cuda"))
    after = shared.state_dict(keep_vars=True)
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)
    norms = [module for module in shared.modules() if isinstance(module, nn.SyncBatchNorm)]
    assert [norm.num_features for norm in norms] == [3, 4]
    assert not any(norm.training for norm in norms)


def test_batch_norm_in_several_processes_is_refused_on_a_cpu() -> None:
    with pytest.raises(UserError, match=r"^train.workers: 2 processes cannot share a batch norm on a CPU"):
        synchronized(_network(), TWO, CPU)
    without = nn.Sequential(nn.Linear(5, 4), nn.LayerNorm(4))
    assert synchronized(without, TWO, CPU) is without


def test_workers_compute_where_is_wanted_when_that_is_no_gpu() -> None:
    assert TWO.device(torch.device("cpu")) == torch.device("cpu")
    assert ALONE.device(torch.device("cuda", 1)) == torch.device("cuda", 1)


@pytest.mark.chain
def test_two_workers_add_up_and_agree(tmp_path: Path) -> None:
    """One start of two processes for all of it, as a start takes seconds."""
    for rank, results in enumerate(_in_two_processes(_all_that_needs_two, tmp_path)):
        assert results["who"] == (rank, 2)
        assert results["cpu"].tolist() == [3, 3]
        assert results["matrix"].tolist() == [[30, 30], [30, 30]]
        assert results["double"].item() == 2.5
        assert results["whole"].item() == 2**40 + 2
        assert results["agreed"] == (True, False)
        assert not results["left over"]


def _all_that_needs_two(workers: Workers) -> dict[str, Any]:
    cpu, matrix = (
        torch.full((2,), 1.0 + workers.rank),
        torch.full((2, 2), 10.0 * (1 + workers.rank), requires_grad=True),
    )
    double = torch.tensor(1.0 + workers.rank / 2, dtype=torch.float64)
    whole = torch.tensor([2**40, 2][workers.rank])
    workers.sum_([cpu, double, matrix, whole])
    agreed = workers.agree(workers.is_first), workers.agree(not workers.is_first)
    results: dict[str, Any] = {"who": (workers.rank, workers.size), "cpu": cpu, "matrix": matrix.detach()}
    return results | {"double": double, "whole": whole, "agreed": agreed}


def _network() -> nn.Module:
    convolution = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.GELU())
    return nn.Sequential(nn.BatchNorm2d(3), convolution, nn.Flatten())


def _in_two_processes(work: Callable[[Workers], dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    multiprocessing.spawn(_process, (work, folder), nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


def _process(rank: int, work: Callable[[Workers], dict[str, Any]], folder: Path) -> None:
    torch.set_num_threads(1)
    named = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": 0}
    os.environ.update({name: str(value) for name, value in named.items()})
    os.environ |= {MEETING: str(folder / "meeting"), "GLOO_SOCKET_IFNAME": "lo"}
    with joined("cpu") as workers:
        results = work(workers)
    torch.save({**results, "left over": torch.distributed.is_initialized()}, folder / f"{rank}.pt")

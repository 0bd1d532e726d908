"""How workers share rows and add up what they found; two real processes, joined by gloo as torchrun joins them."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, multiprocessing, nn

from tasks.trainers.torch.workers import ALONE, MEETING, CommonBatchNorm, Workers, joined, with_common_batch_norm

TWO = Workers(rank=0, size=2)
SHARES = (slice(0, 2), slice(2, 7))
"""Seven rows, unequally shared: each worker must count by its rows."""


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
    assert with_common_batch_norm(network, ALONE) is network
    assert not any(isinstance(module, CommonBatchNorm) for module in network.modules())


def test_common_batch_norms_take_over_weights_names_and_mode() -> None:
    network = _network().eval()
    before = network.state_dict(keep_vars=True)
    common = with_common_batch_norm(network, TWO)
    after = common.state_dict(keep_vars=True)
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)
    norms = [module for module in common.modules() if isinstance(module, CommonBatchNorm)]
    assert [norm.num_features for norm in norms] == [3, 4]
    assert not any(norm.training for norm in norms)


def test_common_batch_norms_answer_single_rows_as_plain_ones_do() -> None:
    plain = _network().eval()
    common = with_common_batch_norm(copy.deepcopy(plain), TWO)
    assert torch.equal(common(_pictures()[:1]), plain(_pictures()[:1]))


def test_workers_compute_where_is_wanted_when_that_is_no_gpu() -> None:
    assert TWO.device(torch.device("cpu")) == torch.device("cpu")
    assert ALONE.device(torch.device("cuda", 1)) == torch.device("cuda", 1)


@pytest.mark.chain
def test_two_workers_add_up_agree_and_share_batch_norms(tmp_path: Path) -> None:
    """One start of two processes for all of it, as a start takes seconds."""
    found = _in_two_processes(_all_that_needs_two, tmp_path)
    for rank, results in enumerate(found):
        assert results["who"] == (rank, 2)
        assert results["cpu"].tolist() == [3, 3]
        assert results["matrix"].tolist() == [[30, 30], [30, 30]]
        assert results["double"].item() == 2.5
        assert results["whole"].item() == 2**40 + 2
        assert results["agreed"] == (True, False)
        assert not results["left over"]
    for name in ("pictures", "rows", "no affine", "mean of all", "bf16"):
        for rank, share in enumerate(SHARES):
            _same_as_alone(name, found[rank][name], share)
        for kept in ("statistics", "gradients"):
            _equal_bits(found[0][name][kept], found[1][name][kept])
    _one_worker_without_rows(found)


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
    results |= {"double": double, "whole": whole, "agreed": agreed}
    for name, (network, values) in _cases().items():
        results[name] = _learnt(with_common_batch_norm(network, workers), values, SHARES[workers.rank], workers)
    everything_or_nothing = slice(0, 7) if workers.is_first else slice(0, 0)
    network, values = _cases()["pictures"]
    results["idle"] = _learnt(with_common_batch_norm(network, workers), values, everything_or_nothing, workers)
    return results


def _cases() -> dict[str, tuple[nn.Module, Tensor]]:
    return {
        "pictures": (_network(), _pictures()),
        "rows": (_seeded(lambda: nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Tanh())), _rows()),
        "no affine": (nn.Sequential(nn.BatchNorm1d(5, affine=False)), _rows()),
        "mean of all": (nn.Sequential(nn.BatchNorm1d(5, momentum=None)), _rows()),
        "bf16": (nn.Sequential(nn.BatchNorm1d(5)), _rows().to(torch.bfloat16)),
    }


def _learnt(network: nn.Module, values: Tensor, rows: slice, workers: Workers) -> dict[str, Any]:
    """Two steps' outputs, gradients of rows and weights (summed over the workers), and the statistics that stay."""
    outputs = gradients = torch.empty(0)
    for _ in range(2):
        network.zero_grad()
        own = values[rows].clone().requires_grad_()
        outputs = network(own)
        # Each output counts differently, so that no gradient is zero by symmetry.
        counts = torch.linspace(-1, 2, outputs[:1].numel()).view_as(outputs[:1]) if len(outputs) else 0
        (outputs.float().square() * counts).sum().backward()
        assert own.grad is not None
        gradients = own.grad
        workers.sum_([weights.grad for weights in network.parameters() if weights.grad is not None])
    weights = {name: weights.grad for name, weights in network.named_parameters()}
    statistics = dict(network.named_buffers())
    return {"outputs": outputs.detach(), "inputs": gradients, "gradients": weights, "statistics": statistics}


def _same_as_alone(name: str, found: dict[str, Any], share: slice) -> None:
    network, values = _cases()[name]
    whole = _learnt(network, values, slice(0, 7), ALONE)
    close = {"rtol": 1e-2, "atol": 1e-2} if name == "bf16" else {"rtol": 1e-5, "atol": 1e-5}
    assert found["outputs"].dtype == whole["outputs"].dtype
    torch.testing.assert_close(found["outputs"], whole["outputs"][share], **close)
    torch.testing.assert_close(found["inputs"], whole["inputs"][share], **close)
    torch.testing.assert_close(found["gradients"], whole["gradients"], **close)
    torch.testing.assert_close(found["statistics"], whole["statistics"], rtol=1e-5, atol=1e-6)


def _one_worker_without_rows(found: list[dict[str, Any]]) -> None:
    network, values = _cases()["pictures"]
    whole = _learnt(network, values, slice(0, 7), ALONE)
    for results in found:
        torch.testing.assert_close(results["idle"]["gradients"], whole["gradients"], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(results["idle"]["statistics"], whole["statistics"], rtol=1e-5, atol=1e-6)


def _equal_bits(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def _network() -> nn.Module:
    return _seeded(
        lambda: nn.Sequential(
            nn.BatchNorm2d(3), nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.GELU()), nn.Flatten()
        )
    )


def _seeded(make: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(3)
        return make()


def _pictures() -> Tensor:
    return torch.from_numpy(np.random.default_rng(1).normal(3, 2, (7, 3, 4, 5)).astype(np.float32))


def _rows() -> Tensor:
    return torch.from_numpy(np.random.default_rng(2).normal(-1, 3, (7, 5)).astype(np.float32))


def _in_two_processes(work: Callable[[Workers], dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    multiprocessing.spawn(_process, (work, folder), nprocs=2)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


def _process(rank: int, work: Callable[[Workers], dict[str, Any]], folder: Path) -> None:
    torch.set_num_threads(1)
    named = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": 0}
    os.environ.update({name: str(value) for name, value in named.items()})
    os.environ |= {MEETING: str(folder / "meeting"), "GLOO_SOCKET_IFNAME": "lo"}
    with joined("cpu") as workers:
        results = work(workers)
    torch.save({**results, "left over": torch.distributed.is_initialized()}, folder / f"{rank}.pt")

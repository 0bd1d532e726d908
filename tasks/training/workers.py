"""The torch trainer in several processes, which torchrun starts: each of them reads the stages' files by itself."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tasks import files
from tasks.errors import UserError
from tasks.parallel import num_cores
from tasks.params.torch import TorchTrain
from tasks.paths import Paths
from tasks.recipe.recipe import read_recipe
from tasks.tables import storage
from tasks.trainers import load
from tasks.trainers.base import Fitted
from tasks.trainers.listener import Listener
from tasks.training import worker as train_worker
from tasks.training.exchange import Exchange, Relay

_LOOK_EVERY = 0.1
"""Seconds between two looks at the first worker's events."""
_PATIENCE = 10.0
"""Seconds in which torchrun may end its workers, and itself."""
_SHOWN = 20
"""Lines of a worker's output that are shown when it failed."""
_ROOT_CAUSE = re.compile(r"Root Cause.*?rank\s*:\s*(\d+).*?exitcode\s*:\s*(-?\d+)", re.DOTALL)
"""In torchrun's last words: which worker failed first, and how (minus the signal's number when one ended it)."""


def fit_in_workers(config: TorchTrain, paths: Paths, listeners: Sequence[Listener]) -> Fitted:
    """The model that `config.workers` processes train together on the pipeline's files; none of them outlives the call.

    Raises UserError for what a worker raises one for, for more workers than there are cores, GPUs or training rows, and
    for a worker that was killed.
    """
    check_workers(config)
    _check_rows(config, storage.count_rows(paths.augmented))
    with tempfile.TemporaryDirectory(prefix="modelwright-", ignore_cleanup_errors=True) as folder:
        exchange = Exchange(folder=Path(folder))
        _write_job(exchange, config, paths)
        with _started(exchange, config.workers) as process, _relayed(exchange.events, listeners) as relay:
            while process.poll() is None:
                relay.tell_news()
                time.sleep(_LOOK_EVERY)
        if not exchange.facts.exists():
            raise _failure(exchange, config.workers)
        return _read_fitted(exchange, paths)


def check_workers(config: TorchTrain) -> None:
    """Raises UserError for more workers than there are cores, or GPUs (each needs one for itself), and for batch norm
    on a CPU."""
    import torch

    from tasks.trainers.torch.devices import choose_device
    from tasks.trainers.torch.workers import batch_norm_needs_gpus

    device = choose_device(config.device)
    if device.type == "mps" or device.index is not None:
        raise UserError(
            f"train.device: {device} is one device, and train.workers is {config.workers}; use `device: cpu`, "
            "`device: cuda` for a GPU each, or `workers: 1`"
        )
    # Said here for the networks of params.yaml, so that nobody waits for processes to start.
    if device.type == "cpu" and config.workers > 1 and getattr(config.network, "norm", "none") == "batch":
        raise batch_norm_needs_gpus(config.workers)
    there, name = (torch.cuda.device_count(), "GPUs") if device.type == "cuda" else (num_cores(), "cores")
    if config.workers > there:
        raise UserError(
            f"train.workers: {config.workers} are more than the {there} {name} of this machine; give at most "
            f"{there}" + (", or `device: cpu`" if device.type == "cuda" else "")
        )


def _check_rows(config: TorchTrain, num_rows: int) -> None:
    if num_rows < config.workers:
        raise UserError(
            f"train.workers: {config.workers} are more than the {num_rows} training rows, of which each needs one; "
            "give workers: 1"
        )


def _write_job(exchange: Exchange, config: TorchTrain, paths: Paths) -> None:
    # Resolved, as a worker need not start in the same folder.
    where = {"root": str(paths.project.root.resolve()), "pipeline": paths.pipeline}
    level = logging.getLogger("tasks").getEffectiveLevel()
    files.write_json(exchange.job, {"train": config.model_dump(mode="json"), **where, "log_level": level})


def _read_fitted(exchange: Exchange, paths: Paths) -> Fitted:
    outcome = files.read_json(exchange.facts)
    model = load(exchange.model, read_recipe(paths.recipe).spec())
    return Fitted(model=model, facts=outcome["facts"], diagnostics=tuple(outcome["diagnostics"]))


@contextmanager
def _started(exchange: Exchange, num_workers: int) -> Iterator[subprocess.Popen[bytes]]:
    """torchrun with its workers; at the end of the block all of them have ended."""
    with exchange.output.open("wb") as output:
        process = subprocess.Popen(
            _command(exchange, num_workers),
            # Nothing is ever written to it: workers end when the other end closes, even if this process is killed.
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_environment(exchange, num_workers),
            # Ctrl-C is for this process, which then ends the others.
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _end(process)


def _command(exchange: Exchange, num_workers: int) -> list[str]:
    options = {
        "nproc-per-node": num_workers,
        # Files, as the store of `--standalone` listens to all the world, and takes pickles.
        "rdzv-backend": "c10d",
        "rdzv-endpoint": exchange.rendezvous,
        "rdzv-conf": "store_type=file",
        "local-addr": "127.0.0.1",
        "log-dir": exchange.logs,
        "redirects": 3,
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    torchrun = [sys.executable, "-m", "torch.distributed.run", *arguments]
    return [*torchrun, "-m", train_worker.__name__, str(exchange.folder)]


def _environment(exchange: Exchange, num_workers: int) -> dict[str, str]:
    """This process's, in which telemetry is off, and what keeps workers to their cores and to this machine."""
    from tasks.trainers.torch.workers import MEETING

    code = str(Path(__file__).resolve().parents[2])
    loopback = "lo0" if sys.platform == "darwin" else "lo"
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, (code, os.environ.get("PYTHONPATH")))),
        # Not the working directory: a user's random.py there is not Python's.
        "PYTHONSAFEPATH": "1",
        # torchrun would give each worker a single thread.
        "OMP_NUM_THREADS": str(max(1, num_cores() // num_workers)),
        "GLOO_SOCKET_IFNAME": loopback,
        "NCCL_SOCKET_IFNAME": loopback,
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
        MEETING: str(exchange.meeting),
    }


@contextmanager
def _relayed(events: Path, listeners: Sequence[Listener]) -> Iterator[Relay]:
    relay = Relay(events, listeners)
    try:
        yield relay
    finally:
        relay.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends torchrun, if it has not ended, and through their closed input all workers."""
    assert process.stdin is not None
    # Workers wait for this, and end even where torchrun does not pass the signal on.
    process.stdin.close()
    process.terminate()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _failure(exchange: Exchange, num_workers: int) -> Exception:
    """Why there is no model: the user's mistake as a worker said it, a worker that was killed, or a bug."""
    if exchange.error.exists():
        return UserError(files.read_json(exchange.error)["message"])
    output = _text(exchange.output)
    cause = _ROOT_CAUSE.search(output)
    if cause is None:
        return RuntimeError(f"train: torchrun ended without its workers; the last that it said:\n{_last(output)}")
    rank, code = cause.groups()
    stderr = "".join(_text(file) for file in sorted(exchange.logs.glob(f"*/attempt_0/{rank}/stderr.log")))
    last = f"; the last that it said:\n{_last(stderr)}" if stderr.strip() else ""
    who = f"train: worker {int(rank) + 1} of {num_workers}"
    # These two come from outside, mostly from a kernel that is out of memory; all else is a bug.
    if int(code) not in (-signal.SIGKILL, -signal.SIGTERM):
        return RuntimeError(f"{who} ended with code {code}{last}")
    return UserError(
        f"{who} was killed by signal {-int(code)} ({signal.Signals(-int(code)).name}), as a machine does whose memory "
        "would not do; run again with fewer train.workers, and the training goes on from its last checkpoint; or with "
        f"a smaller train.batch_size or train.max_memory_mib, and it begins anew{last}"
    )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def _last(text: str) -> str:
    return "\n".join(text.rstrip().splitlines()[-_SHOWN:])

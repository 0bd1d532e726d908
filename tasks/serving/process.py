"""A process that answers: started, asked a line at a time, and ended. It ends by itself when this process is killed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tasks.tracking.champion import last_words

_LONGEST_LINE = 1 << 30
_NICEST = 19
_PATIENCE = 10.0
"""Seconds in which a process may end by itself."""
_START_SECONDS = 120.0
"""A model is there within ten seconds, and much later on a machine that has more to do."""


class ProcessEndedError(Exception):
    """The process ended, or never was ready; the message is its last words."""


@dataclass(frozen=True, kw_only=True)
class ProcessPlan:
    """What is started: a script with its arguments and variables of its environment, in this folder; `scratch` is for
    its own files."""

    script: Path
    arguments: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    scratch: Path
    niceness: int = 0
    """Above 0, it works when others let it."""


class ServingProcess:
    """One process; whoever has it asks one thing at a time."""

    def __init__(self, process: asyncio.subprocess.Process, log: IO[bytes]) -> None:
        self._process, self._log = process, log
        self.ready: Mapping[str, Any] = {}
        """What it said of itself when it was ready."""

    async def ask(self, content: Any) -> Any:
        """Its reply. Raises ProcessEndedError when there is none any more."""
        await self.tell(content)
        return await self.reply()

    async def ask_each(self, requests: Sequence[str]) -> list[Any]:
        """Its replies to requests that are JSON already. Raises ProcessEndedError when there are none any more."""
        await self._write(f"[{','.join(requests)}]")
        replies: list[Any] = await self.reply()
        return replies

    async def tell(self, content: Any) -> None:
        """Writes a line, to which a reply may come or not."""
        await self._write(json.dumps(content))

    async def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        # That it has ended shows when it is to reply, with its last words. Of one that ended a while ago the pipe is
        # closed, which uvloop says by a RuntimeError.
        if self._process.stdin.is_closing():
            return
        with suppress(ConnectionError):
            self._process.stdin.write(line.encode() + b"\n")
            await self._process.stdin.drain()

    async def reply(self) -> Any:
        """The next line that it writes. Raises ProcessEndedError when there is none any more."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise ProcessEndedError(await self._last_words())
        return json.loads(line)

    def yield_to_others(self) -> None:
        """From now on it works when nobody else would; others let it work too little to start within a minute."""
        # Of other systems than Linux, which have no such thing, it is nice.
        if not hasattr(os, "SCHED_IDLE"):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, _NICEST)
            return
        # Each thread that it has by now has a priority of its own. Where a container forbids it, all stays as it is.
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            for thread in Path(f"/proc/{self._process.pid}/task").iterdir():
                os.sched_setscheduler(int(thread.name), os.SCHED_IDLE, os.sched_param(0))

    async def ended(self) -> None:
        """Waits until the process is dead, whatever the reason."""
        await self._process.wait()

    async def _last_words(self) -> str:
        code = await self._process.wait()
        self._log.seek(0)
        return last_words(code, self._log.read().decode(errors="replace"))

    async def close(self) -> None:
        """Ends the process: by the end of its input, else by force."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _PATIENCE)
        except TimeoutError:
            self.kill()
            # Nobody outlives the kill: what is not told by then is lost, and no reason to wait for ever.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), _PATIENCE)
        self._log.close()

    def kill(self) -> None:
        """Ends the process at once."""
        with suppress(ProcessLookupError):
            self._process.kill()


async def start_process(plan: ProcessPlan) -> ServingProcess:
    """A process that is ready. Raises ProcessEndedError when it ends before, or takes too long."""
    plan.scratch.mkdir(parents=True, exist_ok=True)
    # To a file: a pipe that nobody reads would stop it.
    log = tempfile.TemporaryFile(dir=plan.scratch)  # noqa: SIM115 (it is open for as long as the process)
    # -P keeps this folder, in which MLflow's names would be ours, off the path.
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-W", "ignore", str(plan.script), *plan.arguments),
        cwd=plan.folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
        env=dict(plan.environment),
        start_new_session=True,  # Ctrl-C is ours to tell it, by the end of its input
        limit=_LONGEST_LINE,
    )
    if plan.niceness:
        os.setpriority(os.PRIO_PROCESS, process.pid, plan.niceness)
    worker = ServingProcess(process, log)
    try:
        worker.ready = await asyncio.wait_for(worker.reply(), _START_SECONDS)
    except TimeoutError:
        worker.kill()
        await worker.close()
        raise ProcessEndedError(f"it was not ready after {_START_SECONDS:.0f} seconds") from None
    except ProcessEndedError:
        await worker.close()
        raise
    except asyncio.CancelledError:
        worker.kill()
        raise
    return worker

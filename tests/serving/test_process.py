"""A process that was killed says so to whoever asks it next, on the event loop of the server and on Python's own."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tasks.serving.process import ProcessEndedError, ProcessPlan, start_process

ECHO = """
import os, sys
print(os.getpid(), flush=True)
for line in sys.stdin:
    print(line, end="", flush=True)
"""

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.mark.parametrize("run", [uvloop.run, asyncio.run], ids=["uvloop", "asyncio"])
@pytest.mark.parametrize("is_known", [True, False])
def test_a_process_that_was_killed_says_so_to_whoever_asks_next(run: Run, is_known: bool, tmp_path: Path) -> None:
    (tmp_path / "echo.py").write_text(ECHO)

    async def scenario() -> None:
        plan = ProcessPlan(
            script=tmp_path / "echo.py", arguments=(), environment=os.environ, folder=tmp_path, scratch=tmp_path
        )
        process = await start_process(plan)
        assert await process.ask([1, "a"]) == [1, "a"]
        os.kill(int(process.ready), signal.SIGKILL)  # type: ignore[call-overload]
        if is_known:
            # Long enough for the loop to have closed its pipes.
            await process.ended()
            await asyncio.sleep(0.2)
        with pytest.raises(ProcessEndedError, match="killed by signal 9"):
            await asyncio.wait_for(process.ask([2]), 10)
        await process.close()

    run(scenario())


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="only Linux has it")
def test_a_process_yields_to_others_with_all_its_threads(tmp_path: Path) -> None:
    threads = "import threading, time\nthreading.Thread(target=time.sleep, args=(9,), daemon=True).start()\n"
    (tmp_path / "echo.py").write_text(threads + ECHO)

    async def scenario() -> None:
        plan = ProcessPlan(
            script=tmp_path / "echo.py", arguments=(), environment=os.environ, folder=tmp_path, scratch=tmp_path
        )
        process = await start_process(plan)
        process.yield_to_others()
        numbers = [int(thread.name) for thread in Path(f"/proc/{process.ready}/task").iterdir()]
        assert [os.sched_getscheduler(number) for number in numbers] == [os.SCHED_IDLE] * 2
        assert await process.ask_each(["1", '"a"']) == [1, "a"]
        await process.close()

    asyncio.run(scenario())

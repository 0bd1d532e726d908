"""A network link of the soak's own between a client and a server: it can be cut, and it can stall."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Literal

Condition = Literal["whole", "cut", "stalled"]
"""cut: what is open breaks off, and nobody gets through. stalled: all stays open, and nothing arrives."""

_CHUNK = 65536


class Link:
    """Passes bytes on between whoever connects and the server, in a thread of its own.

    `target` gives the server's port on loopback at each connection: a server that is started again may have another.
    """

    def __init__(self, target: Callable[[], int]) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        self._is_cut = False
        self._flowing = asyncio.Event()
        self.port = 0

    @property
    def address(self) -> str:
        """Where clients connect to."""
        return f"http://127.0.0.1:{self.port}"

    def become(self, condition: Condition) -> None:
        """Returns once it is so."""
        asyncio.run_coroutine_threadsafe(self._become(condition), self._loop).result(10)

    async def _become(self, condition: Condition) -> None:
        self._is_cut = condition == "cut"
        if condition == "stalled":
            self._flowing.clear()
        else:
            self._flowing.set()
        if self._is_cut:
            for writer in tuple(self._open):
                writer.transport.abort()

    @contextmanager
    def running(self) -> Iterator[Link]:
        """Whole, until the end of the block."""
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        try:
            self._wait(self._begin())
            yield self
        finally:
            self._wait(self._end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    def _wait(self, work: Awaitable[None]) -> None:
        async def awaited() -> None:
            await work

        asyncio.run_coroutine_threadsafe(awaited(), self._loop).result(10)

    async def _begin(self) -> None:
        self._flowing.set()
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        self._server.close()
        await self._become("cut")
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        self._open.add(writer)
        far: asyncio.StreamWriter | None = None
        try:
            # A server that nobody knows, and the end of the block: asyncio would print a traceback for each connection.
            with suppress(OSError, LookupError, asyncio.CancelledError):
                from_server, far = await asyncio.open_connection("127.0.0.1", self._target())
                self._open.add(far)
                await asyncio.gather(self._pass_on(reader, far), self._pass_on(from_server, writer))
        finally:
            for end in (writer, far):
                if end is not None:
                    self._open.discard(end)
                    end.transport.abort()

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while chunk := await source.read(_CHUNK):
            await self._flowing.wait()
            target.write(chunk)
            await target.drain()
        # The other direction may have more to say: a server that answers and closes.
        target.write_eof()

"""A server that has nothing to answer, for serving_load.py: what asking and the sockets alone take.

`python benchmarks/empty_server.py PORT`.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


class _Empty(asyncio.Protocol):
    """One answer for each request, which comes whole, or in two pieces from a client that is no benchmark."""

    def __init__(self) -> None:
        self._content = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._content += data
        if self._content.rstrip().endswith(b"}"):
            self._content = b""
            self._transport.write(_ANSWER)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Empty, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(_serve(int(sys.argv[1])))

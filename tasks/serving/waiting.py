"""What is answered while no version is there: that the server runs, and what it waits for."""

from __future__ import annotations

import json
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH"]


@dataclass(kw_only=True)
class Entrance:
    """Passes requests to `app`, another one once a version is there. `why` is what is waited for until then."""

    why: str = "the first version is being started"
    app: Starlette | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        await (self.app or self._waiting())(scope, receive, send)

    def _waiting(self) -> Starlette:
        async def health(_: HttpRequest) -> Response:
            return _json({"status": "ok"}, 200)

        async def other(_: HttpRequest) -> Response:
            return _json({"ready": False, "error": self.why}, 503)

        return Starlette(routes=[Route("/health", health), Route("/{path:path}", other, methods=_METHODS)])


def _json(content: dict[str, object], status: int) -> Response:
    headers = {"Retry-After": "5"} if status == 503 else None
    return Response(json.dumps(content, ensure_ascii=False), status, headers, media_type="application/json")

"""A receiver of MLflow's registry webhooks: moves of aliases that others make are written down at once.

Without it they are seen at the next run or command. It listens on loopback; MLflow itself calls https alone, so that a
server that ends TLS stands in front of it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Protocol

from tasks.errors import UserError
from tasks.paths import Project
from tasks.tracking.promoting import champion_then

SECRET_VARIABLE = "MODELWRIGHT_WEBHOOK_SECRET"  # noqa: S105
"""The environment's variable with what the webhook was created with: who does not know it is not listened to."""
_SIGNATURE, _MOMENT, _DELIVERY = "X-MLflow-Signature", "X-MLflow-Timestamp", "X-MLflow-Delivery-Id"
_VERSION = "v1,"
MOST_BYTES = 64 << 10
"""Of a message: MLflow's own have a few hundred."""
_MOST_SECONDS = 300.0
"""How old a message may be: an older one may be a copy that somebody sends again."""


def secret_of_environment() -> str:
    """Raises UserError where there is none: a receiver that believes anybody would be worse than none."""
    secret = os.environ.get(SECRET_VARIABLE, "")
    if not secret:
        raise UserError(
            f"{SECRET_VARIABLE} is not set: without the webhook's secret nobody could tell MLflow's messages from "
            "others'; set it to what the webhook was created with"
        )
    return secret


def is_signed(headers: SupportsGet, body: bytes, secret: str, now: float) -> bool:
    """Whether a message is MLflow's own, and of now.

    By HMAC-SHA256 of delivery, moment and body, as MLflow signs (Standard Webhooks, standardwebhooks.com). Headers are
    found however a server in between writes their names.
    """
    moment, signature = headers.get(_MOMENT, ""), headers.get(_SIGNATURE, "")
    if not moment.isdecimal() or abs(now - int(moment)) > _MOST_SECONDS:
        return False
    signed = b".".join([headers.get(_DELIVERY, "").encode(), moment.encode(), body])
    expected = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
    # In a time that does not say how much of it was right.
    return hmac.compare_digest(f"{_VERSION}{expected}".encode(), signature.encode("utf-8", "replace"))


class SupportsGet(Protocol):
    """Headers of a message."""

    def get(self, name: str, /, default: str) -> str:
        """The header of that name."""


class AliasReceiver(HTTPServer):
    """Looks at the aliases of `name` at each message about them, one after the other.

    Raises UserError for a port that is taken.
    """

    def __init__(self, project: Project, name: str, secret: str, port: int) -> None:
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except (OSError, OverflowError) as error:
            raise UserError(f"--listen {port}: cannot be listened at ({error}); give another port") from error
        self.project, self.name, self.secret = project, name, secret
        self.num_looks = 0

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}/"

    def look(self) -> None:
        """Raises UserError when the registry cannot be reached, or has no such model."""
        # Whoever asks for the champion writes down first what others moved.
        champion_then(self.project, self.name, None)
        self.num_looks += 1


class _Handler(BaseHTTPRequestHandler):
    server: AliasReceiver
    timeout = 10

    def do_POST(self) -> None:
        """A message of MLflow's; 204 when it was acted on or is of no concern, 503 to have it sent again."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            self._answer(413)
            return
        body = self.rfile.read(int(length))
        if not is_signed(self.headers, body, self.server.secret, time.time()):
            self._answer(401)
            return
        self._answer(self._acted_on(body))

    def _acted_on(self, body: bytes) -> int:
        if not is_about(body, self.server.name):
            return 204
        try:
            self.server.look()
        except UserError as error:
            self.log_error("%s", error)
            return 503
        return 204

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
        """Nothing of what went well."""

    def log_error(self, format: str, *arguments: Any) -> None:  # noqa: A002
        """To standard error, as the base class does with all."""
        super().log_message(format, *arguments)


def is_about(body: bytes, name: str) -> bool:
    """Whether a message says that an alias of the model was moved or taken away."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return False
    match content:
        case {"entity": "model_version_alias", "data": {"name": str(model)}}:
            return model == name
        case _:
            return False

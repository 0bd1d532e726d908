"""Messages of MLflow's registry to the server: believed when they are signed, and followed at once."""

from __future__ import annotations

import asyncio
import json
import time
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from mlflow.webhooks.delivery import _generate_hmac_signature

from tasks.serving.app import AnswerService, make_app
from tasks.serving.metrics import ServingMetrics
from tasks.serving.settings import ServeSettings

SECRET = "what only the two of them know"


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    moment = str(int(time.time()))
    return {
        "X-MLflow-Signature": _generate_hmac_signature(secret, "delivery-1", moment, body.decode()),
        "X-MLflow-Timestamp": moment,
        "X-MLflow-Delivery-Id": "delivery-1",
    }


def moved(name: str = "shop") -> bytes:
    data = {"name": name, "alias": "champion", "version": "2"}
    return json.dumps({"entity": "model_version_alias", "action": "created", "data": data}).encode()


def asked(body: bytes, headers: dict[str, str], secret: str | None = SECRET) -> tuple[int, int]:
    """The status, and how often the registry was asked."""
    looks: list[str] = []

    async def look_now() -> None:
        looks.append("look")

    following: Any = SimpleNamespace(live=SimpleNamespace(model=SimpleNamespace(name="shop")), look_now=look_now)
    unused: Any = None
    service = AnswerService(
        following=following,
        settings=ServeSettings(asked="shop"),
        metrics=ServingMetrics(),
        shadow=unused,
        log=unused,
        key="a key that MLflow does not have",
        rate=None,
        webhook_secret=secret,
    )

    async def post() -> int:
        transport = httpx.ASGITransport(make_app(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return (await client.post("/webhook", content=body, headers=headers)).status_code

    return asyncio.run(post()), len(looks)


def test_a_move_that_the_registry_tells_of_is_looked_at_at_once() -> None:
    assert asked(moved(), signed(moved())) == (204, 1)
    assert asked(moved("another model"), signed(moved("another model"))) == (204, 0)
    assert asked(b"[" * 50_000, signed(b"[" * 50_000)) == (204, 0)


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), (signed(moved(), "another secret"), 401), (signed(moved("another model")), 401)],
    ids=["no signature", "another secret", "another body"],
)
def test_a_message_of_somebody_else_is_refused(headers: dict[str, str], status: int) -> None:
    assert asked(moved(), headers) == (status, 0)


def test_a_message_is_bounded_and_without_a_secret_there_is_no_route() -> None:
    assert asked(b"x" * 70_000, {}) == (413, 0)
    assert asked(moved(), signed(moved()), secret=None) == (404, 0)

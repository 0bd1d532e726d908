"""The routes of the server: what each answers, what it refuses, and what is counted of it."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from tasks.serving.access import is_allowed
from tasks.serving.answer_log import AnswerLog
from tasks.serving.api_page import api_page
from tasks.serving.bodies import body_of, request_rows
from tasks.serving.following import Following
from tasks.serving.metrics import ServingMetrics
from tasks.serving.openapi import GIVABLE, openapi
from tasks.serving.rate_limit import RateLimit
from tasks.serving.request_error import RequestError
from tasks.serving.rows import RawRows, checked
from tasks.serving.settings import ServeSettings
from tasks.serving.traffic import Shadow, chosen
from tasks.serving.version import ServedVersion, as_answers
from tasks.tracking.webhook import MOST_BYTES, SECRET_VARIABLE, is_about, is_signed

_LOG = logging.getLogger(__name__)
_REASONS_SECONDS = 60.0
"""The time limit of a request for reasons, at least: where a model tells none itself, a row is asked many times."""

Handler = Callable[[HttpRequest], Awaitable[Response]]


@dataclass(frozen=True, kw_only=True)
class AnswerService:
    """All that a request needs. `rate` is None where callers may send as many as they like."""

    following: Following
    settings: ServeSettings
    metrics: ServingMetrics
    shadow: Shadow
    log: AnswerLog
    key: str | None
    rate: RateLimit | None
    webhook_secret: str | None = None

    async def predict(self, request: HttpRequest) -> Response:
        """`POST /predict`."""
        began = time.perf_counter()
        given = _given(request)
        request_id = request.headers.get("x-request-id")
        version = chosen(self.following, self.settings.split, request_id)
        with version.in_use():
            rows = await self._rows(request, version)
            if "reasons" in given:
                await version.open_explaining()
            async with self._answer_limit("reasons" in given):
                answers = await self._answers(version, rows, request_id, began)
                class_name = request.query_params.get("class") if "reasons" in given else None
                reasons = await version.reasons(rows, class_name) if "reasons" in given else None
        self.metrics.rows.labels(version.model.version).inc(rows.num_rows)
        self.shadow.copy(rows, answers, request_id)
        content = as_answers(answers, given)
        if reasons is not None:
            content = [{**answer, "reasons": one["reasons"]} for answer, one in zip(content, reasons, strict=True)]
        return _json({**_head(version, rows), "answers": content})

    async def _answers(
        self, version: ServedVersion, rows: RawRows, request_id: str | None, began: float
    ) -> Mapping[str, list[Any]]:
        """Answers, which go to the log as well, with the rows that could not be read."""
        try:
            answers = await version.answers(rows)
        except RequestError as error:
            self.log.refused(version, rows, error, request_id, 1_000 * (time.perf_counter() - began))
            raise
        self.log.answered(version, rows, answers, request_id, 1_000 * (time.perf_counter() - began))
        return answers

    async def explain(self, request: HttpRequest) -> Response:
        """`POST /explain`."""
        version = chosen(self.following, self.settings.split, request.headers.get("x-request-id"))
        with version.in_use():
            rows = await self._rows(request, version)
            await version.open_explaining()
            async with self._answer_limit(gives_reasons=True):
                reasons = await version.reasons(rows, request.query_params.get("class"))
        return _json({**_head(version, rows), "explanations": reasons})

    async def webhook(self, request: HttpRequest) -> Response:
        """`POST /webhook`: a signed message of MLflow's about an alias has the registry asked at once."""
        async with self._body_limit():
            body = await body_of(request, MOST_BYTES)
        if not is_signed(request.headers, body, self.webhook_secret or "", time.time()):
            raise RequestError(401, f"the message is not signed by {SECRET_VARIABLE}, or is older than five minutes")
        if is_about(body, self.following.live.model.name):
            await self.following.look_now()
        return Response(status_code=204)

    async def health(self, _: HttpRequest) -> Response:
        """`GET /health`: the server runs."""
        return _json({"status": "ok"})

    async def ready(self, _: HttpRequest) -> Response:
        """`GET /ready`: it can answer; which versions do, and which failed."""
        following = self.following
        is_ready = following.live.answering.num_running > 0
        content = {
            "ready": is_ready,
            "model": following.live.model.name,
            "live": following.live.model.version,
            "alias": following.live.model.alias,
            "challenger": None if following.challenger is None else following.challenger.model.version,
            "failed": following.failed,
            "registry": following.registry_problem or "ok",
        }
        return _json(content, 200 if is_ready else 503)

    async def prometheus(self, _: HttpRequest) -> Response:
        """`GET /metrics`."""
        self.metrics.waiting.set(self.following.live.answering.num_queued)
        return Response(self.metrics.text(), media_type=self.metrics.content_type)

    async def document(self, _: HttpRequest) -> Response:
        """`GET /openapi.json`, of the version that is live."""
        return _json(openapi(self.following.live, has_key=self.key is not None))

    async def page(self, _: HttpRequest) -> Response:
        """`GET /`: the same, to read."""
        page = api_page(openapi(self.following.live, has_key=self.key is not None))
        policy = "default-src 'none'; style-src 'unsafe-inline'"
        return Response(page, media_type="text/html", headers={"Content-Security-Policy": policy})

    async def _rows(self, request: HttpRequest, version: ServedVersion) -> RawRows:
        async with self._body_limit():
            content = await request_rows(request, int(self.settings.max_mib * 2**20))
        return checked(content, version.columns, version.known_by)

    def _body_limit(self) -> _RequestLimit:
        return _RequestLimit(self.settings.time_limit, _late_body)

    def _answer_limit(self, gives_reasons: bool) -> _RequestLimit:
        """Behind it, what waits for a process is asked of none."""
        seconds = self.settings.time_limit
        return _RequestLimit(max(seconds, _REASONS_SECONDS) if gives_reasons else seconds, _late_answer)

    def admit(self, request: HttpRequest) -> None:
        """Raises RequestError for a caller without the key (401), and for one that sends too much (429)."""
        if self.key is None and self.rate is None:
            return
        headers = request.headers
        if not is_allowed(self.key, headers.get("authorization", ""), headers.get("x-api-key", "")):
            raise RequestError(
                401,
                "the key is missing or wrong; send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if self.rate is not None:
            caller = request.client.host if request.client else ""
            wait = self.rate.wait(caller, time.monotonic())
            if wait > 0:
                raise RequestError(
                    429,
                    f"more than {self.rate.rate:g} requests a second; send it again in {wait:.2f} s",
                    headers={"Retry-After": str(int(wait) + 1)},
                )


def make_app(service: AnswerService) -> Starlette:
    """The routes. Whoever asks after health and readiness needs no key, as what starts containers has none."""

    def route(path: str, handler: Handler, method: str, *, is_open: bool = False) -> Route:
        return Route(path, _counted(service, path, handler, is_open=is_open), methods=[method])

    return Starlette(
        routes=[
            route("/predict", service.predict, "POST"),
            route("/explain", service.explain, "POST"),
            route("/health", service.health, "GET", is_open=True),
            route("/ready", service.ready, "GET", is_open=True),
            route("/metrics", service.prometheus, "GET"),
            route("/openapi.json", service.document, "GET"),
            route("/", service.page, "GET"),
            # Whoever has no secret has no such route: a message of anybody's would be believed.
            *([route("/webhook", service.webhook, "POST", is_open=True)] if service.webhook_secret else []),
        ],
        exception_handlers={404: _not_there, 405: _other_method},
    )


def _counted(service: AnswerService, path: str, handler: Handler, *, is_open: bool) -> Handler:
    """The handler with its errors answered, and each answer counted."""
    metrics = service.metrics

    async def counted(request: HttpRequest) -> Response:
        began = time.perf_counter()
        try:
            if not is_open:
                service.admit(request)
            response = await handler(request)
        except RequestError as error:
            if error.status == 500:
                _LOG.error("%s", error.message)
            response = _json(error.as_dict(), error.status, dict(error.headers))
        except ClientDisconnect:
            # Nobody reads it; the status is what proxies write for this.
            response = Response(status_code=499)
        metrics.requests.labels(path, response.status_code).inc()
        metrics.seconds.labels(path).observe(time.perf_counter() - began)
        return response

    return counted


def _given(request: HttpRequest) -> frozenset[str]:
    """What each answer is asked to have besides the prediction. Raises RequestError (422) for a word that is none."""
    if not request.scope["query_string"]:
        return frozenset()
    words = frozenset(filter(None, request.query_params.get("with", "").split(",")))
    if unknown := sorted(words - set(GIVABLE)):
        raise RequestError(422, f"with={unknown[0]:.80}: give one or more of {', '.join(GIVABLE)}")
    return words


class _RequestLimit:
    """Raises an error that `late` makes of the seconds when the block takes longer than these."""

    def __init__(self, seconds: float, late: Callable[[float], RequestError]) -> None:
        self._seconds, self._late = seconds, late
        self._timeout = asyncio.timeout(seconds)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            raise self._late(self._seconds) from None


def _late_body(seconds: float) -> RequestError:
    return RequestError(408, "the body did not arrive in time", headers={"Connection": "close"})


def _late_answer(seconds: float) -> RequestError:
    return RequestError(504, f"no answer within {seconds:g} s; send fewer rows, or try again")


def _head(version: ServedVersion, rows: RawRows) -> dict[str, Any]:
    """Which version answered, and which columns it did not need."""
    model = version.model
    head: dict[str, Any] = {"model": model.name, "model_version": model.version, "recipe": model.recipe}
    return {**head, "ignored": list(rows.ignored)} if rows.ignored else head


def _json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=str)
    return Response(text, status, headers, media_type="application/json")


async def _not_there(request: HttpRequest, _: Exception) -> Response:
    return _json({"error": f"there is no {request.url.path:.80}; / shows what there is"}, 404)


async def _other_method(request: HttpRequest, error: Exception) -> Response:
    allowed = dict(getattr(error, "headers", None) or {})
    return _json({"error": f"{request.url.path} does not take {request.method}; / shows what it takes"}, 405, allowed)

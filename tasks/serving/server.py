"""The server itself: it listens, follows the registry, and ends when it is told to, after it has answered."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import uvicorn

from tasks import files
from tasks.errors import UserError
from tasks.paths import Project
from tasks.prediction_log.log import prediction_log
from tasks.scoring.request import settings_of
from tasks.serving.access import server_key
from tasks.serving.answer_log import AnswerLog
from tasks.serving.app import AnswerService, make_app
from tasks.serving.following import Following, first_version
from tasks.serving.metrics import ServingMetrics
from tasks.serving.rate_limit import RateLimit
from tasks.serving.registry_watch import with_passport
from tasks.serving.settings import ServeSettings, check_settings
from tasks.serving.slow_clients import bounded_http
from tasks.serving.traffic import Shadow
from tasks.serving.version import Served
from tasks.serving.waiting import Entrance
from tasks.tracking.webhook import SECRET_VARIABLE

DEFAULT_PORT = 8000
_DRAIN_SECONDS = 30
"""In which requests that were begun are answered after a signal to end."""
_END_SECONDS = 40.0
"""In which processes end that have nothing to answer any more."""
_BACKLOG = 2_048

_LOG = logging.getLogger(__name__)

Announce = Callable[[str, Following | str, str | None], None]
"""Called with the address, the versions and the key when requests are answered; with the reason in their place while
there is none."""


class _SignalledServer(uvicorn.Server):
    """Which leaves signals to `serve`: uvicorn raises them again at its end, and that end is none by mistake."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def serve(project: Project, settings: ServeSettings, announce: Announce) -> None:
    """Answers until SIGTERM or SIGINT. Raises UserError when it cannot begin: no such version, no such port, a key that
    others can read."""
    check_settings(settings)
    key = server_key(settings.host, project.serve_key)
    with ExitStack() as stack:
        listener = stack.enter_context(_listener(settings))
        scratch = stack.enter_context(files.scratch(project.registered_models / "serving"))
        metrics = ServingMetrics()
        served = Served(project=project, settings=settings, listener=metrics, scratch=scratch)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(served, metrics, listener, key, announce))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    import uvloop

    return uvloop.new_event_loop


async def _serve(
    served: Served, metrics: ServingMetrics, listener: socket.socket, key: str | None, announce: Announce
) -> None:
    ended = asyncio.Event()
    with _on_signals(ended.set):
        entrance, settings = Entrance(), served.settings
        http = _Http(entrance, listener, settings.time_limit)

        def wait(why: str) -> None:
            entrance.why = why
            announce(http.address, why, key)

        if settings.waits:
            http.start()
        opening = asyncio.create_task(first_version(served, metrics, wait if settings.waits else None))
        await asyncio.wait([opening, waiting := asyncio.create_task(ended.wait())], return_when="FIRST_COMPLETED")
        if ended.is_set():
            opening.cancel()
            with suppress(asyncio.CancelledError, UserError):
                await (await opening).close()
            await http.close()
            return
        following = await opening
        follower = asyncio.create_task(following.follow())
        try:
            await _answer(served, following, http, key, waiting, announce)
        finally:
            follower.cancel()
            await _within(follower, "the watch of the registry")
            await _within(asyncio.create_task(following.close()), "a request or a process")


async def _within(ending: asyncio.Task[None], what: str) -> None:
    """Waits for what ends, and not for ever: no request is worth a server that only SIGKILL can stop."""
    _, running = await asyncio.wait([ending], timeout=_END_SECONDS)
    if running:
        _LOG.error("%s did not end within %.0f s, and is left", what, _END_SECONDS)
        ending.cancel()
    elif not ending.cancelled():
        await ending


async def _answer(
    served: Served,
    following: Following,
    http: _Http,
    key: str | None,
    ended: asyncio.Task[object],
    announce: Announce,
) -> None:
    log = _answer_log(served, following)
    log.open()
    try:
        await _listen(served.settings, following, http, key, log, ended, announce)
    finally:
        await log.close()


def _answer_log(served: Served, following: Following) -> AnswerLog:
    """As the block `monitor` of the model's pipeline asks. Raises UserError for a block that does not fit the model."""
    model = with_passport(following.live.model)
    is_asked = prediction_log(served.project, model, settings_of(served.project, model.name)) is not None
    return AnswerLog(project=served.project if is_asked else None, metrics=following.metrics, scratch=served.scratch)


class _Http:
    """uvicorn on a socket that listens, once it is started."""

    def __init__(self, entrance: Entrance, listener: socket.socket, time_limit: float) -> None:
        config = uvicorn.Config(
            entrance,
            http=bounded_http(time_limit),
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=_DRAIN_SECONDS,
            # Headers are refused when they are larger than any of ours; a body is bounded where it is read.
            h11_max_incomplete_event_size=65_536,
        )
        self.entrance, self.address = entrance, _address(listener)
        self._listener, self._server = listener, _SignalledServer(config)
        self._serving: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        """Requests are answered from now on."""
        if self._serving is None:
            self._serving = asyncio.create_task(self._server.serve(sockets=[self._listener]))
        return self._serving

    async def close(self) -> None:
        """Answers what was begun."""
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving


async def _listen(
    settings: ServeSettings,
    following: Following,
    http: _Http,
    key: str | None,
    log: AnswerLog,
    ended: asyncio.Task[object],
    announce: Announce,
) -> None:
    service = AnswerService(
        following=following,
        settings=settings,
        metrics=following.metrics,
        shadow=Shadow(following=following, settings=settings, metrics=following.metrics, log=log),
        log=log,
        key=key,
        rate=None if settings.rate is None else RateLimit(settings.rate),
        webhook_secret=os.environ.get(SECRET_VARIABLE),
    )
    http.entrance.app = make_app(service)
    serving = http.start()
    # What is there by now stays: to look through it for garbage would hold up requests.
    gc.collect()
    gc.freeze()
    announce(http.address, following, key)
    await asyncio.wait([serving, ended], return_when="FIRST_COMPLETED")
    await http.close()


@contextmanager
def _listener(settings: ServeSettings) -> Iterator[socket.socket]:
    """A socket that listens: on the port that was asked for, or the usual one, or where that is taken another one."""
    wishes = [DEFAULT_PORT, 0] if settings.port is None else [settings.port]
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    for wish in wishes:
        try:
            listener = socket.create_server((settings.host, wish), family=family, backlog=_BACKLOG)
        except (OSError, OverflowError) as error:
            reason = error
            continue
        with listener:
            yield listener
            return
    shown = f"--host {settings.host}" + ("" if settings.port is None else f" --port {settings.port}")
    raise UserError(
        f"{shown}: cannot be listened on ({reason}); give another port (--port, or serve.port in params.yaml), or "
        "none, and a free one is taken"
    )


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def _on_signals(end: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and SIGINT call `end`, for as long as the block lasts; a second one changes nothing."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    former = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        loop.add_signal_handler(number, end)
    try:
        yield
    finally:
        for number, handler in former.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)

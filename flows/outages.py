"""Outages of Prefect's server, which the processes of schedules outlive: the scheduler, and each run that it starts.

Prefect's own client asks again for fourteen seconds, and not at all where it is new: so a restart of the server would
end runs that are at work.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import anyio
import httpx
from prefect.client.base import PrefectHttpxAsyncClient, PrefectHttpxSyncClient
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES

from flows.connection import check_server
from tasks.errors import UserError

LONGEST_OUTAGE = 600.0
"""Seconds that a server may be away. `modelwright up` ends one that hangs after some 105 seconds, and one that does not
become ready after 180: there is time for a start that fails, and for the next one."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0
"""Seconds between two tries, which double: whoever waits goes on at most so long after the server is back."""

Send = Callable[..., httpx.Response]
AsyncSend = Callable[..., Coroutine[Any, Any, httpx.Response]]


class _Patience:
    """For one outage: how long the next pause is, until it has lasted too long."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self._pause = _FIRST_PAUSE

    def pause_after(self, error: Exception) -> float:
        """Seconds until the next try. Raises the error once the outage has lasted too long."""
        if time.monotonic() - self.began > LONGEST_OUTAGE:
            raise error
        pause, self._pause = self._pause, min(2 * self._pause, _LONGEST_PAUSE)
        return pause


def wait_for_server(tell: Callable[[str], None]) -> None:
    """Returns once the configured server answers; `tell` is given a sentence where it has to wait, and one at its end.

    Raises UserError where the server is away for longer than `LONGEST_OUTAGE`.
    """
    patience, is_away = _Patience(), False
    while True:
        try:
            check_server(needed=True)
            break
        except UserError as error:
            pause = patience.pause_after(error)
        if not is_away:
            tell(away_sentence())
        is_away = True
        time.sleep(pause)
    if is_away:
        tell(back_sentence(time.monotonic() - patience.began))


def away_sentence() -> str:
    """What to say when the server has not answered."""
    return f"Prefect's server does not answer; it is waited for, {LONGEST_OUTAGE / 60:.0f} minutes at most"


def back_sentence(seconds: float) -> str:
    """What to say when it answers again."""
    return f"Prefect's server answers again, after {seconds:.0f} s"


def outlive_outages() -> None:
    """From now on each request of this process that meets no server is made again until one answers it.

    A change that is asked for twice is made once: Prefect numbers the changes of a run's state. Whoever sets Prefect's
    own retries to none, to look whether a server is there, is answered at once.
    """
    PrefectHttpxSyncClient.send = _patient(PrefectHttpxSyncClient.send)  # type: ignore[method-assign]
    PrefectHttpxAsyncClient.send = _patient_async(PrefectHttpxAsyncClient.send)  # type: ignore[method-assign]


def _patient(send: Send) -> Send:
    @wraps(send)
    def patient_send(client: object, request: httpx.Request, *args: object, **options: object) -> httpx.Response:
        patience = _Patience()
        while True:
            try:
                return send(client, request, *args, **options)
            except httpx.HTTPError as error:
                pause = _pause_after(error, patience)
            time.sleep(pause)

    return patient_send


def _patient_async(send: AsyncSend) -> AsyncSend:
    @wraps(send)
    async def patient_send(client: object, request: httpx.Request, *args: object, **options: object) -> httpx.Response:
        patience = _Patience()
        while True:
            try:
                return await send(client, request, *args, **options)
            except httpx.HTTPError as error:
                pause = _pause_after(error, patience)
            await anyio.sleep(pause)

    return patient_send


def _pause_after(error: httpx.HTTPError, patience: _Patience) -> float:
    if not _is_outage(error) or PREFECT_CLIENT_MAX_RETRIES.value() == 0:
        raise error
    return patience.pause_after(error)


def _is_outage(error: httpx.HTTPError) -> bool:
    """Whether it may pass: nobody there, or a server that cannot do its work now, as with a full disk."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code >= 500
    return isinstance(error, httpx.TransportError) and not isinstance(error, httpx.UnsupportedProtocol)

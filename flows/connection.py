"""The Prefect server that is configured: where its address comes from, and whether it answers as one."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
from prefect import get_client
from prefect.context import get_settings_context
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_CLOUD_API_URL,
    temporary_settings,
)

from flows.settings import OWN_SERVER
from tasks.addresses import shown_address, without_secrets
from tasks.errors import UserError

PATIENCE = 10.0
"""Seconds that a server may take to answer a question that costs it nothing."""

_OWN = "of `modelwright up`"

_HOW_TO_CONNECT = (
    "`modelwright up` starts one; or start one with `prefect server start`, and set "
    "PREFECT_API_URL=http://127.0.0.1:4200/api in the environment"
)


def check_server(*, needed: bool = False) -> None:
    """Raises UserError, with what to do, when a server is configured and does not answer as Prefect's do.

    `needed` says that nothing can be done without one.
    """
    url = PREFECT_API_URL.value()
    if needed and not url:
        raise UserError(f"schedules need a Prefect server, and none is configured; {_HOW_TO_CONNECT}")
    if url and (problem := _problem(url)):
        origin, removal = _origin()
        if origin == _OWN:
            problem += "; `modelwright ps` shows how it stands, and `modelwright up` starts again what dies"
        without = "" if needed else f", or go without: {removal}, or `modelwright run` with `--plain`"
        raise UserError(f"the Prefect server at {shown_address(url)} ({origin}) cannot be used: {problem}{without}")


def look_at_server() -> tuple[str, str | None]:
    """What to say of the configured server, or of having none; and, where it cannot be used, what to do."""
    try:
        check_server()
    except UserError as error:
        return "the server that is configured cannot be used", str(error)
    url = PREFECT_API_URL.value()
    if not url:
        return "no server configured: a run has a temporary one", None
    return f"{shown_address(url)} answers ({_origin()[0]})", None


def _problem(url: str) -> str | None:
    """Why the server cannot be used, and what to do about it; None when it can."""
    settings = {PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_API_REQUEST_TIMEOUT: PATIENCE}
    try:
        with temporary_settings(settings), get_client(sync_client=True) as client:
            if url.startswith(PREFECT_CLOUD_API_URL.value()):
                error = client.api_healthcheck()
                if error is not None:
                    raise error
            # Asks for credentials as all else does, which /health does not.
            elif not isinstance(client.api_version(), str):
                return _NOT_PREFECT
    except httpx.HTTPStatusError as error:
        return _of_status(error.response.status_code)
    except httpx.TimeoutException:
        return f"it does not answer within {PATIENCE:.0f} seconds; look at its log, or start it anew"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return _of_network(error, url)
    except ValueError:  # no JSON
        return _NOT_PREFECT
    return None


_NOT_PREFECT = "what answers there is not Prefect's API; mend the address, which ends in /api"


def _of_status(code: int) -> str:
    if code in (401, 403):
        return f"it wants other credentials (status {code}); set PREFECT_API_AUTH_STRING or PREFECT_API_KEY"
    return f"it answers with status {code}; look at its log, or start it anew" if code >= 500 else _NOT_PREFECT


def _of_network(error: Exception, url: str) -> str:
    causes = list(_causes(error))
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "there is no host of this name; mend the address"
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        why = without_secrets(str(error), url)
        return f"no secure connection ({why}); mend the address, or set PREFECT_API_SSL_CERT_FILE"
    if isinstance(error, httpx.ConnectError):
        return f"nothing listens there; {_start(url)}"
    # In words of ours, as httpx's quote the piece that it stumbles over, which may be of a password.
    if isinstance(error, httpx.InvalidURL):
        return "it cannot be read; mend the address: in a user or a password, write / as %2F, @ as %40, # as %23"
    if isinstance(error, httpx.UnsupportedProtocol):
        return "it does not begin with http:// or https://; mend the address"
    return f"{without_secrets(str(error), url).rstrip('.') or type(error).__name__}; mend the address"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _origin() -> tuple[str, str]:
    """Where the address comes from, and how to take it out there."""
    name = PREFECT_API_URL.name
    if os.environ.get(OWN_SERVER) == PREFECT_API_URL.value():
        return _OWN, "`modelwright down`"
    if os.environ.get(name):
        return f"{name} in the environment", f"`unset {name}`"
    profile = get_settings_context().profile
    if PREFECT_API_URL in profile.settings:
        return f"Prefect's profile {profile.name}", f"`prefect config unset {name} --yes`"
    # prefect.toml, pyproject.toml and .env are read as well.
    return "a file of Prefect's settings", f"take it out where `prefect config view --show-sources` finds {name}"


def _start(url: str) -> str:
    """How to have a server at that address."""
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost") and parts.port:
        return f"start it with `prefect server start --port {parts.port}`"
    return "start it on that machine, or mend the address"

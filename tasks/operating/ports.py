"""Where servers listen: a free port, whether anybody but this machine can reach it, and whether one answers."""

from __future__ import annotations

import ipaddress
import socket
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from tasks.errors import UserError

LOOPBACK = "127.0.0.1"

_TRIES = 100
"""Ports from the preferred one on: a machine with a hundred projects up has other problems."""


def free_port(host: str, preferred: int) -> int:
    """The preferred port, or the next one that nobody listens on.

    Raises UserError where the host is not this machine's.
    """
    reason: OSError | None = None
    for port in range(preferred, min(preferred + _TRIES, 65536)):
        try:
            with socket.create_server((host, port), family=_family(host)):
                return port
        except OSError as error:
            reason = error
    raise UserError(
        f"--host {host}: cannot be listened on ({reason}); give an address of this machine, such as {LOOPBACK}, or "
        "0.0.0.0 for all of them"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def own_address(host: str, port: int) -> str:
    """How this machine itself reaches a server that listens on that host."""
    try:
        # No address is all of them, as 0.0.0.0 is.
        address = ipaddress.ip_address(host or "0.0.0.0")  # noqa: S104
    except ValueError:
        return f"http://{host}:{port}"
    if address.version == 6:
        return f"http://[{'::1' if address.is_unspecified else address}]:{port}"
    return f"http://{LOOPBACK if address.is_unspecified else address}:{port}"


def port_of(address: str) -> int:
    """The port of an address of `own_address`."""
    port = urlsplit(address).port
    assert port is not None
    return port


def answers(address: str, seconds: float = 2.0) -> bool:
    """Whether a server answers there, with status 200."""
    parts = urlsplit(address)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET

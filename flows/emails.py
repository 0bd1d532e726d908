"""E-mail through a block of the package prefect-email, which the extra `email` brings."""

from __future__ import annotations

import importlib
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

_PATIENCE = 30.0
"""Seconds for each answer of the mail server: without a limit, one that says nothing would hold the run for good."""


def is_installed() -> bool:
    """Whether the package is there; Prefect knows its block from then on."""
    try:
        importlib.import_module("prefect_email")
    except ModuleNotFoundError:
        return False
    return True


def send_email(credentials: Any, to: Sequence[str], subject: str, body: str) -> None:
    """Sends one message through the server of the block `email-server-credentials`.

    It is from the user of the block where that is an address, else from this machine. Raises OSError when the server
    is away or refuses, of which smtplib's own errors are kinds.
    """
    message = EmailMessage()
    username = credentials.username or ""
    message["From"] = username if "@" in username else f"modelwright@{socket.getfqdn()}"
    message["To"] = ", ".join(to)
    # A line break would end the header.
    message["Subject"] = " ".join(subject.split())
    message.set_content(body)
    with _patience(), credentials.get_server() as server:
        server.send_message(message)


@contextmanager
def _patience() -> Iterator[None]:
    """The block opens its connection without a limit, and takes none."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)

"""Who may ask: everybody on this machine, and from elsewhere whoever has the key."""

from __future__ import annotations

import hmac
import ipaddress
import os
import secrets
import stat
from pathlib import Path

from tasks.errors import UserError

KEY_VARIABLE = "MODELWRIGHT_SERVE_KEY"
_SHORTEST = 16


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address of this name."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def server_key(host: str, file: Path) -> str | None:
    """The key that callers must have; None where none is asked for: on loopback, without one in the environment.

    Off loopback, the key of the environment, else that of `file`, which is made on first use for its owner alone.
    Raises UserError for a key that is too short, and for a file that others can read.
    """
    key = os.environ.get(KEY_VARIABLE)
    if key is None and is_loopback(host):
        return None
    origin = KEY_VARIABLE if key is not None else str(file)
    key = _kept_key(file) if key is None else key.strip()
    if len(key) < _SHORTEST or not key.isascii():
        raise UserError(
            f"{origin}: a key has {_SHORTEST} plain characters at least; `python -c 'import secrets; "
            "print(secrets.token_urlsafe(32))'` makes one"
        )
    return key


def _kept_key(file: Path) -> str:
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        # Never readable by others, not even for a moment.
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(secrets.token_urlsafe(32) + "\n")
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise UserError(f"{file}: others can read the key; `chmod 600 {file}`, or remove it, and another one is made")
    return file.read_text(encoding="ascii", errors="replace").strip()


def is_allowed(key: str | None, authorization: str, own_header: str) -> bool:
    """Whether a request with these headers has the key: as a bearer's token, or as X-API-Key."""
    if key is None:
        return True
    kind, _, token = authorization.partition(" ")
    given = token.strip() if kind.lower() == "bearer" else own_header
    # In constant time: how long a comparison takes tells how much of a guess is right.
    return hmac.compare_digest(given.encode(), key.encode())

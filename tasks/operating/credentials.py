"""What servers that others can reach ask for: made once, at random, and kept where only the owner can read it."""

from __future__ import annotations

import json
import os
import secrets
import stat
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tasks import files
from tasks.errors import UserError
from tasks.operating import places
from tasks.paths import Project

USER = "modelwright"

_BYTES = 32
"""Of randomness, 256 bits: nobody guesses it, however many a second the server lets them try."""


def _secret() -> str:
    return secrets.token_urlsafe(_BYTES)


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """Never printed, nor shown by its own text."""

    user: str = USER
    password: str = field(default_factory=_secret, repr=False)
    signing_key: str = field(default_factory=_secret, repr=False)
    """With it MLflow signs its forms."""

    api_key: str = field(default_factory=_secret, repr=False)
    """What callers of served models send."""

    @property
    def prefect(self) -> str:
        """As Prefect takes them: PREFECT_API_AUTH_STRING."""
        return f"{self.user}:{self.password}"


def ensure(project: Project) -> Credentials:
    """The project's credentials, made at first use. Raises UserError where others can read them."""
    path = places.credentials(project)
    if not path.exists():
        _check_users(project)
        _create(path)
    return read(path)


def read(path: Path) -> Credentials:
    """Raises UserError for a file that is not there, damaged, or open to others."""
    try:
        with path.open(encoding="utf-8") as file:
            # Of the open file: what lies under the name may be another by now.
            state = os.fstat(file.fileno())
            _check_is_private(path, state)
            return Credentials(**json.load(file))
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file; `modelwright up --host ADDRESS` makes it") from None
    except (ValueError, TypeError):
        raise UserError(
            f"{path}: damaged; bring it back from a backup, or remove it and users.db beside it: new ones are made then"
        ) from None


def _check_is_private(path: Path, state: os.stat_result) -> None:
    mode = stat.S_IMODE(state.st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UserError(f"{path}: others can read it or write it (mode {mode:04o}); `chmod 600 {path}`")
    if state.st_uid != os.getuid():
        raise UserError(f"{path}: belongs to user {state.st_uid}; give the command as that user, or `chown` it")


def _create(path: Path) -> None:
    with files.storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Private from the first byte on, and never over a file that another process has just made.
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(Credentials()), file, indent=2)


def _check_users(project: Project) -> None:
    """MLflow knows the first user's password by its own database alone: new credentials would open nothing there."""
    if places.users(project).exists():
        raise UserError(
            f"{places.credentials(project)}: there is no such file, and {places.users(project)} holds users that were "
            "made with it; bring it back from a backup, or remove that database as well: users who were added are gone"
        )

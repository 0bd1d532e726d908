"""Prefect's own settings, read before anything of Prefect is imported: it ends with a traceback over a wrong one."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from tasks.addresses import shown_address, without_secrets
from tasks.errors import UserError
from tasks.operating import credentials, places
from tasks.operating.operation import running
from tasks.operating.service import PREFECT
from tasks.paths import Project

_PLACES = "in the environment, in prefect.toml, in .env, or in profiles.toml of Prefect's home (~/.prefect)"


OWN_SERVER = "MODELWRIGHT_PREFECT_URL"
"""In the environment of this process while its Prefect server is that of `modelwright up`."""


def use_running_server(project: Project) -> None:
    """Has this process's runs go to the server of `modelwright up`, unless the environment names another one.

    To be called before Prefect is imported. Prefect's profile, which is for all projects, comes after it.
    """
    operation = running(project)
    server = operation.service(PREFECT) if operation else None
    if os.environ.get("PREFECT_API_URL") or operation is None or server is None or server.state != "ready":
        return
    os.environ["PREFECT_API_URL"] = os.environ[OWN_SERVER] = f"{server.page}/api"
    if operation.secured:
        os.environ.setdefault("PREFECT_API_AUTH_STRING", credentials.read(places.credentials(project)).prefect)


def check_settings() -> None:
    """Raises UserError for what Prefect cannot read in the environment, in a project's files or in its profile."""
    name = "PREFECT_API_URL"
    try:
        urlsplit(os.environ.get(name, ""))
    except ValueError:
        shown = shown_address(os.environ[name])
        raise UserError(
            f"{name} in the environment: {shown} cannot be read; write it like http://127.0.0.1:4200/api, or "
            f"`unset {name}`"
        ) from None
    try:
        # The first import reads them all.
        import prefect.settings  # noqa: F401
        from prefect import get_client  # noqa: F401
    # Of pydantic, of pydantic-settings and of TOML.
    except ValueError as error:
        raise UserError(f"Prefect's settings cannot be read: {_problem(error)}; mend it {_PLACES}") from None


def _problem(error: ValueError) -> str:
    """Which setting, and what is wrong; never its value."""
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return without_secrets(str(error))
    first = error.errors()[0]
    field = "_".join(str(part) for part in first["loc"])
    # Without a name it is one that others are derived from, and the reason may quote it.
    if not field:
        return "an address, such as PREFECT_API_URL, is none"
    # It names the field alone: `level` of PREFECT_LOGGING_LEVEL.
    variables = [name for name in os.environ if name.startswith("PREFECT_") and name.endswith(f"_{field.upper()}")]
    return f"{', '.join(variables) or field}: {first['msg']}"

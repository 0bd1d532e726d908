"""`modelwright open`: the right page of a pipeline, in the browser where there is a display, else where it is."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import webbrowser
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tasks.command.subcommand import chosen_pipeline, show_json
from tasks.errors import UserError, printable
from tasks.operating.operation import page_of
from tasks.operating.service import PREFECT
from tasks.paths import Paths, Project
from tasks.root import find_root

_PREFECT = "http://127.0.0.1:4200"
"""Where `prefect server start` serves, unless it is told otherwise."""

_PATIENCE = 0.5
"""Seconds in which a server of this machine takes a connection."""


@dataclass(frozen=True, kw_only=True)
class OpenablePage:
    """An address, or a file as one; `comes_first` is what must be given for it to be served, if it is not."""

    address: str
    comes_first: str | None = None


def open_page(options: argparse.Namespace) -> int:
    """Prints where the page is, and opens it. Raises UserError where there is none yet."""
    project = Project(root=find_root())
    page = _page(project, options.what, options.pipeline)
    opens = page.comes_first is None and not options.json and has_display(os.environ, sys.platform)
    if options.json:
        show_json({"what": options.what, "address": page.address, "comes_first": page.comes_first})
        return 0
    print(printable(page.address))  # noqa: T201
    if page.comes_first:
        print(f"nothing serves it now; give `{page.comes_first}` first")  # noqa: T201
    if opens:
        webbrowser.open(page.address)
    return 0


def has_display(environment: Mapping[str, str], platform: str) -> bool:
    """Whether a browser that is started here would be seen: never over a plain SSH connection."""
    if platform in ("darwin", "win32"):
        return not environment.get("SSH_CONNECTION")
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def _page(project: Project, what: str, name: str | None) -> OpenablePage:
    if what == "prefect":
        return _prefect(project)
    paths = project.pipeline(chosen_pipeline(project, name))
    match what:
        case "report":
            return _file(paths, paths.report_page, "evaluate")
        case "data-docs":
            return _file(paths, paths.data_docs / "index.html", "validate")
        case _:
            return _tracked(paths, what)


def _file(paths: Paths, file: Path, stage: str) -> OpenablePage:
    from tasks.params.file import load_pipeline

    if not file.is_file():
        # For its complaint about a pipeline that is none.
        load_pipeline(paths.project.params, paths.pipeline)
        raise UserError(f"{file}: is not there yet; `modelwright run {paths.pipeline} --to {stage}` makes it")
    return OpenablePage(address=file.resolve().as_uri())


def _tracked(paths: Paths, what: str) -> OpenablePage:
    """MLflow's page of the champion, or of the newest version where there is none, or of the last run."""
    from tasks.params.file import load_pipeline
    from tasks.tracking import pages, store
    from tasks.tracking.page_server import page_address
    from tasks.tracking.recent_runs import recent_runs
    from tasks.tracking.registry_overview import registered_models

    project, name = paths.project, paths.pipeline
    if what == "run":
        metric = load_pipeline(project.params, name).register_.metric
        recent = recent_runs(project, {name: metric}, 1)
        page = pages.run(recent[0].experiment_id, recent[0].run_id) if recent else None
    else:
        model = next((one for one in registered_models(project) if one.name == name), None)
        number = model and (model.champion or next((one.number for one in model.versions), None))
        page = pages.version(name, number) if number else None
    if page is None:
        raise UserError(f"{name}: MLflow has no {what} of it yet; `modelwright run {name}` makes one")
    server = page_address(project)
    is_served = not store.is_local(project) or _listens(server)
    return OpenablePage(address=f"{server}{page}", comes_first=None if is_served else f"modelwright ui {name}")


def _prefect(project: Project) -> OpenablePage:
    """The page beside the API that is configured in the environment, else that of `modelwright up`, else where a
    server usually is."""
    api = os.environ.get("PREFECT_API_URL", "").rstrip("/")
    address = api.removesuffix("/api") if api else page_of(project, PREFECT) or _PREFECT
    return OpenablePage(address=address, comes_first=None if api or _listens(address) else "prefect server start")


def _listens(address: str) -> bool:
    parts = urlsplit(address)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=_PATIENCE):
            return True
    except OSError:
        return False

"""`modelwright ui`: the project's own page with MLflow's beside it, or MLflow's alone, opened on a pipeline's runs."""

from __future__ import annotations

import argparse
import time
import webbrowser
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tasks.errors import UserError, printable
from tasks.operating.operation import page_of
from tasks.operating.service import MLFLOW
from tasks.paths import Project
from tasks.root import find_root

if TYPE_CHECKING:
    from tasks.dashboard.gathering import MlflowPages


def ui(options: argparse.Namespace) -> int:
    """Serves the project's page, or MLflow's of a pipeline that is named, until Ctrl-C."""
    project = Project(root=find_root())
    if options.pipeline is None:
        return _serve_project(project, options)
    return _serve_mlflow(project, options)


def _serve_project(project: Project, options: argparse.Namespace) -> int:
    """The project's own page at once; MLflow's pages of a local store are started beside it, once there is a store."""
    from tasks.dashboard.gathering import MlflowPages
    from tasks.dashboard.server import serving_page
    from tasks.tracking import pages, store

    try:
        with serving_page(project, options.port) as server, ExitStack() as served:
            _show(server.address, open_it=options.open)
            if not store.is_local(project):
                server.mlflow = MlflowPages(address=pages.server(project))
            while True:
                if server.mlflow == MlflowPages():
                    server.mlflow = _mlflow_pages(project, served)
                    # Whoever reads the line finds the links on the page.
                    if server.mlflow != MlflowPages():
                        line = f"MLflow: {server.mlflow.address or server.mlflow.problem}"
                        print(printable(line), flush=True)  # noqa: T201
                time.sleep(0.2)
    except KeyboardInterrupt:
        # That is how it ends.
        print("stopped")  # noqa: T201
        return 0


def _mlflow_pages(project: Project, served: ExitStack) -> MlflowPages:
    """Neither address nor problem where there is no store yet. The page of one's own is there without MLflow's."""
    from tasks.dashboard.gathering import MlflowPages
    from tasks.memo.chain import announced
    from tasks.tracking import store
    from tasks.tracking.page_server import serving

    # Those of `modelwright up` are there already.
    if up := page_of(project, MLFLOW):
        return MlflowPages(address=f"{up}/")
    try:
        if store.local_database(project) is None:
            return MlflowPages()
        with announced("starting MLflow"):
            address, _ = served.enter_context(serving(project, None))
    except UserError as error:
        return MlflowPages(problem=str(error))
    return MlflowPages(address=address)


def _serve_mlflow(project: Project, options: argparse.Namespace) -> int:
    """The pages of a local store until Ctrl-C; of a server that is there already it says the address."""
    from tasks.memo.chain import announced
    from tasks.tracking import store
    from tasks.tracking.page_server import opening_page, page_address, serving

    pipeline = options.pipeline
    # Those of `modelwright up` are there already.
    up = page_of(project, MLFLOW) and options.port is None
    if up or not store.is_local(project):
        _show(f"{page_address(project)}{opening_page(project, pipeline)}", open_it=options.open)
        return 0
    try:
        with ExitStack() as served:
            with announced("starting MLflow"):
                page = opening_page(project, pipeline)
                address, process = served.enter_context(serving(project, options.port))
            _show(f"{address}{page}", open_it=options.open)
            # Not one long wait: with polars the system goes on with that after a Ctrl-C, and Python never hears of it.
            while process.poll() is None:
                time.sleep(0.2)
        raise UserError("MLflow's pages ended by themselves; give the command again")
    except KeyboardInterrupt:
        # That is how it ends.
        print("stopped")  # noqa: T201
        return 0


def _show(address: str, *, open_it: bool) -> None:
    print(printable(address), flush=True)  # noqa: T201
    if open_it and not webbrowser.open(address):
        raise UserError("no browser was found here; open the address above by hand")

"""`modelwright ui`: MLflow's pages, opened on training runs."""

from __future__ import annotations

import argparse
import time
import webbrowser
from contextlib import ExitStack

from tasks.errors import UserError, printable
from tasks.paths import Project
from tasks.root import find_root


def ui(options: argparse.Namespace) -> int:
    """Serves the pages of a local store until Ctrl-C; of a tracking server it says the address."""
    from tasks.memo.chain import announced
    from tasks.tracking import pages, store
    from tasks.tracking.page_server import opening_page, serving

    project = Project(root=find_root())
    pipeline = _pipeline(project, options.pipeline)
    if not store.is_local(project):
        _show(f"{pages.server(project)}{opening_page(project, pipeline)}", open_it=options.open)
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


def _pipeline(project: Project, name: str | None) -> str | None:
    """The pipeline that was named; the only one, when none was; none where there are several."""
    from tasks.params.file import pipeline_names

    if name is not None:
        return name
    names = pipeline_names(project.params)
    return names[0] if len(names) == 1 else None


def _show(address: str, *, open_it: bool) -> None:
    print(printable(address), flush=True)  # noqa: T201
    if open_it and not webbrowser.open(address):
        raise UserError("no browser was found here; open the address above by hand")

"""`modelwright serve`: answers over HTTP by a registered model. What it needs is imported when used."""

from __future__ import annotations

import argparse
import logging
import sys
from typing import TYPE_CHECKING, Any

from tasks.command.subcommand import MODEL, Subcommand, argument
from tasks.errors import printable
from tasks.paths import Project
from tasks.root import find_root

if TYPE_CHECKING:
    from tasks.params.serve import Serve
    from tasks.serving.following import Following
    from tasks.serving.settings import ServeSettings


def serve(options: argparse.Namespace) -> int:
    """Serves until Ctrl-C or SIGTERM."""
    from tasks.serving.server import serve as answer_requests

    project = Project(root=find_root())
    settings = serve_settings(options, _block(project, options.model))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr, force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    answer_requests(project, settings, _announce)
    print("stopped")  # noqa: T201
    return 0


def _block(project: Project, asked: str) -> Serve:
    from tasks.params.serve import Serve
    from tasks.scoring.request import settings_of

    name = asked.removeprefix("models:/").partition("@")[0].partition(":")[0].partition("/")[0]
    pipeline = settings_of(project, name)
    return pipeline.serve if pipeline else Serve()


def serve_settings(options: argparse.Namespace, block: Serve) -> ServeSettings:
    """What the options say; the block `serve` of the pipeline says the rest."""
    from tasks.serving.settings import ServeSettings, read_shadow, read_split

    def chosen(name: str) -> Any:
        given = getattr(options, name)
        return getattr(block, name) if given is None else given

    # One or the other: an option for a share takes the place of the block's copies.
    shadow = options.shadow if options.split is not None else chosen("shadow")
    is_bare = not set(options.model) & {"@", ":", "/"}
    return ServeSettings(
        asked=f"{options.model}@{block.alias}" if is_bare and not block.is_default("alias") else options.model,
        host=options.host,
        port=chosen("port"),
        num_workers=chosen("workers"),
        batch_rows=chosen("batch_rows"),
        num_waiting=chosen("queue"),
        max_mib=chosen("max_mib"),
        rate=chosen("rate"),
        time_limit=chosen("timeout"),
        poll_seconds=chosen("poll"),
        shadow=None if shadow is None else read_shadow(shadow),
        split=None if options.split is None else read_split(options.split),
        offline=options.offline,
        waits=options.wait,
    )


def _announce(address: str, following: Following | str, key: str | None) -> None:
    if isinstance(following, str):
        print(printable(f"no version answers at {address} yet: {following}"), flush=True)  # noqa: T201
        return
    beside = f", {following.challenger.model.shown} beside it" if following.challenger else ""
    asked = "" if key is None else "; callers need the key"
    print(printable(f"{following.live.model.shown}{beside} answers at {address}{asked}"), flush=True)  # noqa: T201


_ARGUMENTS = (
    MODEL,
    argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1); any other one asks for a key"),
    argument(
        "--port", type=int, metavar="N", help="the port (8000; where that is taken, a free one); 0 for a free one"
    ),
    argument("--workers", type=int, metavar="N", help="processes of a version (1)"),
    argument("--split", metavar="ALIAS=PERCENT", help="have another version answer a share, such as challenger=5"),
    argument(
        "--shadow",
        metavar="ALIAS[=PERCENT]",
        help="send copies of all requests, or of a share, to another version, and compare the answers",
    ),
    argument("--timeout", type=float, metavar="S", help="seconds from a request to its answer (10)"),
    argument("--rate", type=float, metavar="N", help="requests a second from one caller; any number if left out"),
    argument("--max-mib", type=float, metavar="N", help="MiB that a request's body may have (8)"),
    argument("--queue", type=int, metavar="N", help="requests that may wait for a version (1000)"),
    argument("--batch-rows", type=int, metavar="N", help="rows that are answered together at most (256)"),
    argument("--poll", type=float, metavar="S", help="seconds between looks at the registry (5)"),
    argument("--wait", action="store_true", help="where there is no such version yet, say so until there is one"),
    argument("--offline", action="store_true", help="ask no registry: serve the copy that lies here"),
)

COMMANDS = {
    "serve": Subcommand(
        run=serve,
        help="answer requests over HTTP, and follow the model's alias",
        arguments=_ARGUMENTS,
        examples=(
            "modelwright serve churn",
            "modelwright serve churn --split challenger=5 --port 9000",
            "MODELWRIGHT_SERVE_KEY=... modelwright serve churn:3 --host 0.0.0.0 --rate 50",
        ),
    )
}

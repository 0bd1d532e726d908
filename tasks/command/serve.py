"""`modelwright serve`: answers over HTTP by a registered model. What it needs is imported when used."""

from __future__ import annotations

import argparse
import logging
import sys
from typing import TYPE_CHECKING

from tasks.command.subcommand import MODEL, Subcommand, argument
from tasks.errors import printable
from tasks.paths import Project
from tasks.root import find_root

if TYPE_CHECKING:
    from tasks.serving.following import Following


def serve(options: argparse.Namespace) -> int:
    """Serves until Ctrl-C or SIGTERM."""
    from tasks.serving.server import serve as answer_requests
    from tasks.serving.settings import ServeSettings, read_split

    settings = ServeSettings(
        asked=options.model,
        host=options.host,
        port=options.port,
        num_workers=options.workers,
        batch_rows=options.batch_rows,
        num_waiting=options.queue,
        max_mib=options.max_mib,
        rate=options.rate,
        time_limit=options.timeout,
        poll_seconds=options.poll,
        shadow=options.shadow,
        split=None if options.split is None else read_split(options.split),
        offline=options.offline,
    )
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr, force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    answer_requests(Project(root=find_root()), settings, _announce)
    print("stopped")  # noqa: T201
    return 0


def _announce(address: str, following: Following, key: str | None) -> None:
    beside = f", {following.challenger.model.shown} beside it" if following.challenger else ""
    asked = "" if key is None else "; callers need the key"
    print(printable(f"{following.live.model.shown}{beside} answers at {address}{asked}"), flush=True)  # noqa: T201


_ARGUMENTS = (
    MODEL,
    argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1); any other one asks for a key"),
    argument(
        "--port", type=int, metavar="N", help="the port (8000; where that is taken, a free one); 0 for a free one"
    ),
    argument("--workers", type=int, default=1, metavar="N", help="processes of a version (1)"),
    argument("--split", metavar="ALIAS=PERCENT", help="have another version answer a share, such as challenger=5"),
    argument("--shadow", metavar="ALIAS", help="send copies of requests to another version, and compare the answers"),
    argument("--timeout", type=float, default=10.0, metavar="S", help="seconds from a request to its answer (10)"),
    argument("--rate", type=float, metavar="N", help="requests a second from one caller; any number if left out"),
    argument("--max-mib", type=float, default=8.0, metavar="N", help="MiB that a request's body may have (8)"),
    argument("--queue", type=int, default=1_000, metavar="N", help="requests that may wait for a version (1000)"),
    argument("--batch-rows", type=int, default=256, metavar="N", help="rows that are answered together at most (256)"),
    argument("--poll", type=float, default=5.0, metavar="S", help="seconds between looks at the registry (5)"),
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

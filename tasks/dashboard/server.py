"""The page on loopback, by the standard library's server: it answers GET alone, and changes nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tasks.dashboard.gathering import MlflowPages, dashboard
from tasks.dashboard.lookout import Lookout
from tasks.dashboard.page import render_dashboard
from tasks.errors import UserError
from tasks.paths import Project

DEFAULT_PORT = 4747
"""Where `modelwright ui` serves the page, unless something else is there."""

_HEADERS = {
    # No script at all, and nothing from elsewhere: names and cells come from files that anybody may have made.
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".csv": "text/plain; charset=utf-8",
}
"""What is handed out of reports/: no other file is."""

_NAMES = ("127.0.0.1", "localhost", "[::1]")
"""What this server is called. A page of elsewhere whose name is made to lead here sends its own."""

_AGAIN = 2
"""Seconds until the browser asks anew while a look is going on."""


class PageServer(ThreadingHTTPServer):
    """Serves one project's page. Whoever serves MLflow's pages says in `mlflow` where they are."""

    daemon_threads = True

    def __init__(self, project: Project, port: int) -> None:
        super().__init__(("127.0.0.1", port), _PageHandler)
        self.project = project
        self.mlflow = MlflowPages()
        self.lookout = Lookout(project)

    @property
    def address(self) -> str:
        """Of the page."""
        return f"http://127.0.0.1:{self.server_port}/"


class _PageHandler(BaseHTTPRequestHandler):
    server: PageServer
    server_version = "Modelwright"
    sys_version = ""
    timeout = 30

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Says nothing on standard error."""

    def do_GET(self) -> None:
        if not self._is_called_by_its_name():
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST, "this page is served to its own machine alone")
            return
        path = urlsplit(self.path).path
        if path == "/":
            self._page(anew=False)
        elif path == "/again":
            self._page(anew=True)
        elif path.startswith("/reports/"):
            self._report(path)
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such page")

    def do_HEAD(self) -> None:
        self.do_GET()

    def _not_allowed(self) -> None:
        self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, "this page is for reading")

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _not_allowed  # noqa: N815

    def _is_called_by_its_name(self) -> bool:
        names = self.headers.get_all("Host") or []
        return len(names) == 1 and names[0].lower() in {f"{name}:{self.server.server_port}" for name in _NAMES}

    def _page(self, *, anew: bool) -> None:
        server = self.server
        if anew:
            server.lookout.findings(0, anew=True)
            self._answer(HTTPStatus.SEE_OTHER, b"", "text/plain", {"Location": "/"})
            return
        shown = dashboard(server.project, server.lookout, server.mlflow)
        again = _AGAIN if shown.is_looking or shown.is_waiting else None
        self._answer(HTTPStatus.OK, render_dashboard(shown, again=again).encode(), _TYPES[".html"])

    def _report(self, path: str) -> None:
        file = report_file(self.server.project, path)
        if file is None:
            self._refuse(HTTPStatus.NOT_FOUND, "no stage has left such a file")
            return
        try:
            content = file.read_bytes()
        except OSError:
            self._refuse(HTTPStatus.NOT_FOUND, "the file cannot be read")
            return
        self._answer(HTTPStatus.OK, content, _TYPES[file.suffix])

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        self.close_connection = True
        self._answer(status, f"{status.value}: {reason}\n".encode(), "text/plain; charset=utf-8")

    def _answer(self, status: HTTPStatus, body: bytes, kind: str, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**_HEADERS, "Content-Type": kind, "Content-Length": str(len(body)), **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def report_file(project: Project, path: str) -> Path | None:
    """The file that `/reports/PIPELINE/...` means; None for what is no report, or leads out of the folder."""
    pieces = unquote(path).removeprefix("/reports/").split("/")
    if any(piece in ("", ".", "..") or "\0" in piece or "\\" in piece for piece in pieces):
        return None
    file = project.root.joinpath("reports", *pieces)
    # DVC may have put a link into its cache in the place of a file; of its folders none is a link.
    folders = list(file.parents)[: len(pieces)]
    if file.suffix not in _TYPES or any(folder.is_symlink() for folder in folders) or not file.is_file():
        return None
    return file if not file.is_symlink() or _is_of_cache(project, file) else None


def _is_of_cache(project: Project, file: Path) -> bool:
    """Whether a link leads to a file of DVC's cache, which is called by the digest of its content."""
    target = file.resolve()
    return target.is_relative_to(project.root.resolve()) or {"files", "md5"} <= set(target.parts)


@contextmanager
def serving_page(project: Project, port: int | None) -> Iterator[PageServer]:
    """A server that answers until the end of the context. Without a `port` the usual one, or another where it is taken.

    Raises UserError for a port that was given and is taken.
    """
    with _server(project, port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def _server(project: Project, port: int | None) -> PageServer:
    for wish in [DEFAULT_PORT, 0] if port is None else [port]:
        try:
            return PageServer(project, wish)
        except (OSError, OverflowError) as error:
            reason = error
    raise UserError(f"--port {port}: cannot be listened on ({reason}); leave it out, and a free one is taken")

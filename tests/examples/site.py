"""A web server for a built single page application, of an origin of its own."""

from __future__ import annotations

import json
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Self

from ..servers.process import HOST


class Site:
    """Serves the files of a folder as every web server does that a single page application is put on.

    An address that is no file's is `index.html`, for the application's router knows it. `service`, once it is set, is
    what `config.json` says.
    """

    def __init__(self, folder: Path) -> None:
        self.service = ""
        self.loaded: list[str] = []
        """Which pages browsers have asked for, in order."""
        self.policy = ""
        """The Content-Security-Policy of all answers, if there is to be one."""
        self._server = ThreadingHTTPServer((HOST, 0), partial(_Handler, self, directory=str(folder)))
        self.origin = f"http://{HOST}:{self._server.server_port}"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, site: Site, *args: Any, **options: Any) -> None:
        self._site = site
        super().__init__(*args, **options)

    def do_GET(self) -> None:
        if self.path == "/config.json":
            self._answer_config()
            return
        if not Path(self.translate_path(self.path)).is_file():
            self.path = "/index.html"
        if self.path.endswith(".html"):
            self._site.loaded.append(self.path)
        super().do_GET()

    def end_headers(self) -> None:
        if self._site.policy:
            self.send_header("Content-Security-Policy", self._site.policy)
        super().end_headers()

    def _answer_config(self) -> None:
        body = json.dumps({"service": self._site.service}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass

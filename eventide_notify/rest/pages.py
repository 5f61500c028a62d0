"""The pages in `static/`, and Socket.IO's browser client at the address where Node's server has it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from ..errors import NotFound

SCRIPTS = ("socket.io.js", "socket.io.min.js", "socket.io.esm.min.js")
PUBLIC_CDN = "https://cdn.jsdelivr.net/npm/socket.io-client@{version}/dist/{name}"

LOADED = ("socket.io.js", "socket.io.min.js")
"""Those that the pages and the bell load, with the hash that `integrity.json` has."""

FRAMING = (".", "index.html")
"""The demo page, which has other pages of ours in frames, as the screens of devices."""
FRAMED = "photos.html"
"""The page in those frames. No other page can be in one, and this one only in ours."""

# Pages load only what is ours, or these very files from the CDN. Nothing inline is ever run.
_POLICY = (
    "default-src 'self'; img-src 'self' http: https: data:; connect-src *; style-src 'self' 'unsafe-inline'; "
    "script-src {scripts}; object-src 'none'; base-uri 'none'; frame-src {frames}; frame-ancestors {ancestors}"
)


def static_directory() -> Path:
    """The pages: in an installed package within it, in a checkout beside it."""
    package = Path(__file__).parents[1]
    installed = package / "_static"
    return installed if installed.is_dir() else package.parent / "static"


class Pages(StaticFiles):
    """Files that browsers ask about again, so that a new version shows at once; `headers(path)` go with each."""

    def __init__(self, directory: Path, headers: Callable[[str], Mapping[str, str]]) -> None:
        super().__init__(directory=directory, html=True)
        self._headers = headers

    def file_response(self, full_path: Any, *arguments: Any, **options: Any) -> Response:
        # In memory, and not as a file that is open for as long as somebody takes to read it.
        response = super().file_response(full_path, *arguments, **options)
        if isinstance(response, FileResponse):
            kept = {name: response.headers[name] for name in ("content-type", "etag", "last-modified")}
            return _in_memory(Path(full_path), kept, response.status_code)
        return response

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(self._headers(path))
        return response


class PageRoutes:
    """`/client/…`, `/docs`, and the browser client under `/socket.io/`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._vendor = directory / "vendor"
        self._scripts = {f"/socket.io/{name}": self._vendor / name for name in SCRIPTS}
        self._sources = " ".join(["'self'", *self._from_cdn()])

    def serves_script(self, path: str) -> bool:
        """Whether this address below `/socket.io/` is a script and not the protocol's."""
        return path in self._scripts

    def routes(self) -> list[BaseRoute]:
        return [
            *(Route(path, self.script, methods=["GET"]) for path in self._scripts),
            Mount("/client", Pages(self._directory, self._headers)),
        ]

    def root(self) -> Route:
        """`/`, which leads to the pages."""
        return Route("/", self._to_pages, methods=["GET"])

    def docs(self, path: str) -> Route:
        """The page on which the REST API can be tried. It expects `openapi.json` beside it."""
        return Route(path, self._docs, methods=["GET"])

    async def script(self, request: Request) -> Response:
        """The browser client; from the public CDN when it could not be fetched at build time."""
        path = self._scripts[request.url.path]
        if path.is_file():
            return _in_memory(path, {"Content-Type": "text/javascript", "Cache-Control": "public, max-age=3600"})
        return RedirectResponse(self._on_cdn(path.name), 302)

    def _headers(self, path: str) -> dict[str, str]:
        """What goes with the file at this path below `/client/`."""
        policy = _POLICY.format(
            scripts=self._sources,
            frames="'self'" if path in FRAMING else "'none'",
            ancestors="'self'" if path == FRAMED else "'none'",
        )
        return {
            "Cache-Control": "no-cache",
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
        }

    def _from_cdn(self) -> list[str]:
        """The addresses of the scripts that pages get from the CDN: those that could not be fetched at build time."""
        try:
            return [self._on_cdn(name) for name in LOADED if not (self._vendor / name).is_file()]
        except NotFound:
            return []

    def _on_cdn(self, name: str) -> str:
        try:
            known: dict[str, Any] = json.loads((self._vendor / "integrity.json").read_text())
        except OSError:
            raise NotFound("Socket.IO's browser client is not part of this installation.") from None
        return PUBLIC_CDN.format(version=known["version"], name=name)

    async def _to_pages(self, request: Request) -> Response:
        return RedirectResponse("/client/", 307)

    async def _docs(self, request: Request) -> Response:
        headers = {"Content-Type": "text/html; charset=utf-8", **self._headers("docs.html")}
        return _in_memory(self._directory / "docs.html", headers)


def _in_memory(path: Path, headers: dict[str, str], status: int = 200) -> Response:
    return Response(path.read_bytes(), status, headers)

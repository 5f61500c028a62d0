"""The pages in `static/`, and Socket.IO's browser client at the address where Node's server has it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from ..errors import NotFound
from ..headers import FILE, PAGE
from .files import File

SCRIPTS = ("socket.io.js", "socket.io.min.js", "socket.io.esm.min.js")
PUBLIC_CDN = "https://cdn.jsdelivr.net/npm/socket.io-client@{version}/dist/{name}"

LOADED = ("socket.io.js", "socket.io.min.js")
"""Those that the pages and the bell load, with the hash that `integrity.json` has."""

BUNDLE = ("eventide-bell.js", "eventide-bell.js.map")
"""What stands in `bundle/`, and is served in place of the bell's modules."""

FRAMING = "index.html"
"""The demo page, which has other pages of ours in frames, as the screens of devices."""
FRAMED = "photos.html"
"""The page in those frames. No other page can be in one, and this one only in ours."""
ADMIN = "admin/index.html"
"""The operators' page. It shows no pictures of notifications, and asks nobody but this service for anything."""

# Pages load only what is ours, or these very files from the CDN. Nothing inline is run but the import map, by its hash.
_POLICY = (
    "default-src 'self'; img-src 'self' http: https: data:; connect-src *; style-src 'self' 'unsafe-inline'; "
    "script-src {scripts}; object-src 'none'; base-uri 'none'; frame-src {frames}; frame-ancestors {ancestors}"
)
_ADMIN_POLICY = (
    "default-src 'none'; img-src data:; connect-src 'self'; style-src 'self'; script-src {scripts}; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-src 'none'; frame-ancestors 'none'"
)
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".ts": "text/plain",
}
_COMPRESSED = {"br": ".br", "gzip": ".gz"}
_REFERENCE = re.compile(r'(?P<before>\b(?:src|href)=")(?P<address>(?:/client/)?(?P<name>[\w./-]+\.(?:js|css)))"')
_FIRST_SCRIPT = '<script type="module"'


def static_directory() -> Path:
    """The pages: in an installed package within it, in a checkout beside it."""
    package = Path(__file__).parents[1]
    installed = package / "_static"
    return installed if installed.is_dir() else package.parent / "static"


class PageRoutes:
    """`/client/…`, `/docs`, `/admin/`, and the browser client under `/socket.io/`, as the files are now."""

    def __init__(self, directory: Path) -> None:
        self._vendor = directory / "vendor"
        self._sources = ["'self'", *self._from_cdn()]
        self._scripts = {f"/socket.io/{name}": name for name in SCRIPTS}
        self._files = self._read(directory)
        self._pages = {name: self._page(name, file) for name, file in self._files.items() if name.endswith(".html")}

    def serves_script(self, path: str) -> bool:
        """Whether this address below `/socket.io/` is a script and not the protocol's."""
        return path in self._scripts

    def routes(self) -> list[BaseRoute]:
        return [
            *(Route(path, self.script, methods=["GET"]) for path in self._scripts),
            Route("/client/{name:path}", self._file, methods=["GET"]),
        ]

    def root(self) -> Route:
        """`/`, which leads to the pages."""
        return Route("/", self._to_pages, methods=["GET"])

    def docs(self, path: str) -> Route:
        """The page on which the REST API can be tried. It expects `openapi.json` beside it."""
        return Route(path, self._docs, methods=["GET"])

    def admin(self, path: str) -> Route:
        """The operators' page, at an address that ends with a slash."""
        return Route(path, self._admin, methods=["GET"])

    async def script(self, request: Request) -> Response:
        """The browser client; from the public CDN when it could not be fetched at build time."""
        name = self._scripts[request.url.path]
        file = self._files.get(f"vendor/{name}")
        if file is None:
            return RedirectResponse(self._on_cdn(name), 302, headers=FILE)  # pages of other origins follow it, too
        return file.answer(request, otherwise="public, max-age=3600")

    async def _file(self, request: Request) -> Response:
        name = request.path_params["name"] or "index.html"
        file = self._pages.get(name) or self._files.get(name)
        if file is None:
            raise NotFound("There is no such page.")
        return file.answer(request)

    async def _docs(self, request: Request) -> Response:
        return self._pages["docs.html"].answer(request)

    async def _admin(self, request: Request) -> Response:
        return self._pages[ADMIN].answer(request)

    async def _to_pages(self, request: Request) -> Response:
        return RedirectResponse("/client/", 307)

    def _read(self, directory: Path) -> dict[str, File]:
        """By name below `/client/`. The bell is its bundle, unless its modules are others now."""
        headers = self._headers()
        bundle = directory / "bundle"
        files = {
            path.relative_to(directory).as_posix(): _read(path, headers)
            for path in directory.rglob("*")
            if path.suffix in _TYPES and path.is_file() and path.parent != bundle
        }
        if not _is_fresh(files, bundle):
            return files
        # The languages stay files of their own: bell/strings/de.js.
        without = {name: file for name, file in files.items() if not re.fullmatch(r"bell/[^/]+", name)}
        bundled = {**{name: name for name in BUNDLE}, "bundle/integrity.json": "integrity.json"}
        return without | {name: _read(bundle / file, headers) for name, file in bundled.items()}

    def _page(self, name: str, page: File) -> File:
        """With the versions of what it loads: what is loaded need not be asked for again."""
        text = page.content.decode()

        def versioned(match: re.Match[str]) -> str:
            file = self._files.get(match["name"])
            return f'{match["before"]}{match["address"]}?v={file.version}"' if file else match[0]

        # What modules import is found by their address without a version.
        base = "/client/" if 'src="/client/' in text else "./"
        modules = {
            name: file.version
            for name, file in self._files.items()
            if re.fullmatch(r"((admin|bell|inbox)/)?[\w-]+\.js", name)
        }
        imports = {f"{base}{name}": f"{base}{name}?v={version}" for name, version in sorted(modules.items())}
        text = _REFERENCE.sub(versioned, text)
        if _FIRST_SCRIPT not in text:
            return File(text.encode(), "text/html", headers=self._headers(name))
        script = json.dumps({"imports": imports}, separators=(",", ":"))
        text = text.replace(_FIRST_SCRIPT, f'<script type="importmap">{script}</script>\n  {_FIRST_SCRIPT}', 1)
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        return File(text.encode(), "text/html", headers=self._headers(name, f"'sha256-{digest}'"))

    def _headers(self, name: str = "", *sources: str) -> dict[str, str]:
        """What goes with the file of this name."""
        policy = (_ADMIN_POLICY if name == ADMIN else _POLICY).format(
            scripts=" ".join([*self._sources, *sources]),
            frames="'self'" if name == FRAMING else "'none'",
            ancestors="'self'" if name == FRAMED else "'none'",
        )
        return {**(PAGE if name.endswith(".html") else FILE), "Content-Security-Policy": policy}

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


def _read(path: Path, headers: Mapping[str, str]) -> File:
    beforehand = {coding: path.with_name(path.name + suffix) for coding, suffix in _COMPRESSED.items()}
    compressed = {coding: each.read_bytes() for coding, each in beforehand.items() if each.is_file()}
    return File(path.read_bytes(), _TYPES[path.suffix], compressed=compressed, headers=headers)


def _is_fresh(files: Mapping[str, File], bundle: Path) -> bool:
    """Whether the bundle was made from these very files."""
    try:
        sources: dict[str, str] = json.loads((bundle / "integrity.json").read_text())["sources"]
    except OSError:
        return False
    return all(name in files and files[name].digest == digest for name, digest in sources.items())

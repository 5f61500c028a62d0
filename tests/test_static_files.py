"""How the pages' files come: compressed, by content hash, and the bell as one file or as modules."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest
from starlette.applications import Starlette

from eventide_notify.rest.pages import PageRoutes, static_directory
from eventide_notify.rest.problems import HANDLERS

from .serving import serving

STATIC = static_directory()
FOR_GOOD = "public, max-age=31536000, immutable"
TAKES = {"Accept-Encoding": "gzip"}
ANYTHING = {"Accept-Encoding": "gzip, deflate, br, zstd"}


@asynccontextmanager
async def pages(directory: Path) -> AsyncIterator[httpx.AsyncClient]:
    routes = Starlette(routes=PageRoutes(directory).routes(), exception_handlers=HANDLERS)
    async with serving(routes, lifespan="off") as url, httpx.AsyncClient(base_url=url) as client:
        yield client


async def as_sent(client: httpx.AsyncClient, address: str, headers: dict[str, str]) -> tuple[httpx.Response, bytes]:
    """An answer, and its body as it came over the wire."""
    async with client.stream("GET", address, headers=headers) as answer:
        return answer, b"".join([part async for part in answer.aiter_raw()])


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """A copy of the pages in which the bell has not been bundled."""
    return Path(shutil.copytree(STATIC, tmp_path / "static", ignore=shutil.ignore_patterns("bundle")))


def add_bundle(static: Path, content: bytes = b"// " + b"bundled " * 100) -> bytes:
    bundle = static / "bundle"
    bundle.mkdir()
    sources = [static / "eventide-bell.js", *(static / "bell").glob("*.js")]
    digests = {path.relative_to(static).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in sources}
    (bundle / "integrity.json").write_text(json.dumps({"sources": digests}))
    (bundle / "eventide-bell.js").write_bytes(content)
    (bundle / "eventide-bell.js.br").write_bytes(b"brotli")
    (bundle / "eventide-bell.js.map").write_text("{}")
    return content


async def test_files_come_compressed_to_those_who_take_it() -> None:
    plain = (STATIC / "theme.css").read_bytes()
    async with pages(STATIC) as client:
        for accepted in ("gzip", "br;q=0, gzip;q=0.5", "deflate,GZIP", "gzip, deflate, br"):
            answer, body = await as_sent(client, "/client/theme.css", {"Accept-Encoding": accepted})
            assert answer.headers["content-encoding"] == "gzip"
            assert len(body) < len(plain) / 2
            assert gzip.decompress(body) == plain
            assert answer.headers["vary"] == "Accept-Encoding"
        for refused in ("identity", "gzip;q=0", "gzip; q=0.0", ""):
            answer, body = await as_sent(client, "/client/theme.css", {"Accept-Encoding": refused})
            assert "content-encoding" not in answer.headers
            assert answer.headers["vary"] == "Accept-Encoding"
            assert body == plain


async def test_what_has_not_changed_is_not_sent_again() -> None:
    async with pages(STATIC) as client:
        tags = set()
        for headers in (TAKES, {"Accept-Encoding": "identity"}):
            first = await client.get("/client/theme.css", headers=headers)
            assert first.headers["cache-control"] == "no-cache"
            tag = first.headers["etag"]
            tags.add(tag)
            for known in (tag, f"W/{tag}", f'"other", {tag}'):
                again = await client.get("/client/theme.css", headers={**headers, "If-None-Match": known})
                assert (again.status_code, again.content) == (304, b"")
                assert again.headers["etag"] == tag
                assert again.headers["vary"] == "Accept-Encoding"
            changed = await client.get("/client/theme.css", headers={**headers, "If-None-Match": '"other"'})
            assert changed.status_code == 200
        assert len(tags) == 2, "compressed it is another representation"


async def test_a_page_asks_for_each_file_by_its_content(static: Path) -> None:
    async with pages(static) as client:
        page = (await client.get("/client/inbox.html")).text
        references = re.findall(r'(?:href|src)="([^"]+\.(?:css|js)[^"]*)"', page)
        imports = json.loads(page.partition('type="importmap">')[2].partition("</script>")[0])["imports"]
        assert {"./eventide-bell.js", "./bell/inbox.js", "./rest.js"} <= set(imports)
        for address in [*references, *imports.values()]:
            answer = await client.get(urljoin("/client/inbox.html", address))
            assert answer.headers["cache-control"] == FOR_GOOD, address
        assert (await client.get("/client/theme.css?v=another")).headers["cache-control"] == "no-cache"
    (static / "inbox.css").write_text("/* changed */")
    async with pages(static) as client:
        assert (await client.get("/client/inbox.html")).text != page


async def test_the_bell_is_one_file_where_it_was_bundled(static: Path) -> None:
    async with pages(static) as client:
        modules = await client.get("/client/eventide-bell.js")
        assert modules.content == (static / "eventide-bell.js").read_bytes()
        assert (await client.get("/client/bell/inbox.js")).status_code == 200
        assert (await client.get("/client/eventide-bell.js.map")).status_code == 404
    content = add_bundle(static)
    async with pages(static) as client:
        bundle, body = await as_sent(client, "/client/eventide-bell.js", ANYTHING)
        assert (bundle.headers["content-encoding"], body) == ("br", b"brotli")
        answer = await client.get("/client/eventide-bell.js", headers=TAKES)
        assert answer.content == content
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert (await client.get("/client/eventide-bell.js.map")).status_code == 200
        page = (await client.get("/client/inbox.html")).text
        assert "./eventide-bell.js?v=" in page
        assert "bell/inbox.js" not in page
        assert (await client.get("/client/bell/inbox.js")).status_code == 404, "nothing is ever loaded twice"


async def test_a_bundle_of_other_sources_is_not_used(static: Path) -> None:
    add_bundle(static)
    with (static / "bell" / "text.js").open("a") as module:
        module.write("\n// changed\n")
    async with pages(static) as client:
        answer = await client.get("/client/eventide-bell.js")
        assert answer.content == (static / "eventide-bell.js").read_bytes()
        assert (await client.get("/client/bell/text.js")).text.endswith("// changed\n")

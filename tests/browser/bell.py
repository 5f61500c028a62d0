"""Pages with a bell, and what a reader does with it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self

from playwright.async_api import Locator, Page, expect

from eventide_notify.models import Draft, IdGenerator, Notification, Status, utc_now
from eventide_notify.store import create_store

from ..servers.process import HOST
from ..service import Service

PAGE = """<!doctype html>
<html lang="en" {html}>
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Orders</title>
<link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark; --eventide-bell: CanvasText; }}
body {{ margin: 0; background: Canvas; font: 1rem/1.5 system-ui, "Liberation Sans", sans-serif; }}
nav {{ display: flex; align-items: center; gap: 1rem; padding: .5rem 1rem; border-bottom: 1px solid #8885; }}
nav b {{ flex: 1; }}
main {{ padding: 1rem; }}
</style>
<script type="module" src="{service}/client/eventide-bell.js"></script>
</head>
<body>
<nav><b>Orders</b><a href="#before">Before</a>{bells}<a href="#after">After</a></nav>
<main><h1>Orders</h1><p>There are no open orders.</p></main>
</body>
</html>"""


POLICY = "default-src 'none'; script-src http:; connect-src http: ws:; img-src http: data:; style-src 'unsafe-inline'"
"""Nothing inline is run, and no text becomes a script."""


DEADLINE = 15.0
"""Seconds in which anything that is waited for must come, also where several browsers and servers share two cores."""


class Bell:
    """A tab with a bell in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.host = page.locator("eventide-bell").first

    @property
    def button(self) -> Locator:
        return self.host.locator("[part=bell]")

    @property
    def badge(self) -> Locator:
        return self.host.locator("[part=badge]")

    @property
    def panel(self) -> Locator:
        return self.host.get_by_role("dialog")

    @property
    def rows(self) -> Locator:
        return self.host.locator("[part=list] > li")

    @property
    def toasts(self) -> Locator:
        return self.host.locator("[part~=toast]")

    @property
    def connection(self) -> Locator:
        return self.host.locator("[part~=connection]")

    def row(self, text: str) -> Locator:
        return self.rows.filter(has_text=text)

    async def state(self, *states: str, within: float = 30.0) -> None:
        """Wait until the connection is in one of these states; if that is "live", also until it is known who is there.

        What is sent before that may come as something missed, of which nobody is told.
        """
        await self.page.wait_for_function(
            """states => {
              const { state, inbox } = document.querySelector("eventide-bell");
              return states.includes(state) && (state !== "live" || inbox.userId !== undefined);
            }""",
            arg=list(states),
            timeout=within * 1000,
        )

    async def open(self) -> None:
        await self.button.click()

    async def texts(self) -> list[str]:
        """The messages in the list, newest first."""
        return await self.rows.locator("[part=message]").all_inner_texts()

    async def call(self, script: str, argument: Any = None) -> Any:
        """Evaluate a function of the element."""
        return await self.host.evaluate(script, argument)


STEPS = """list => {
  const times = (window.steps = []);
  new MutationObserver((changes) => {
    const added = changes.flatMap(({ addedNodes }) => [...addedNodes]);
    if (added.some((node) => node.textContent.includes("in a burst"))) times.push(performance.now());
  }).observe(list, { childList: true });
}"""


async def shown_in_steps(service: Service, user: str, rows: Locator, rendered: Locator) -> None:
    """A burst arrives while the list is open; `rows` are its rows, `rendered` the list itself."""
    await rendered.evaluate(STEPS)
    for number in range(12):
        service.send(user, message=f"{number} in a burst")
    await expect(rows.first).to_contain_text("11 in a burst")
    times: list[float] = await rendered.evaluate("() => window.steps")
    assert len(times) <= (times[-1] - times[0]) / 100 + 2


async def save_many(service: Service, user: str, count: int, words: str = "") -> None:
    """Messages "number 0" and so on, and `words`, which another of the user's devices has received.

    They are written straight into the database.
    """
    assert service.home
    store = create_store(f"sqlite:///{service.home.data / 'eventide.db'}")
    new_id, now = IdGenerator(), utc_now()
    await store.open()
    try:
        await store.add(
            [
                Notification(new_id(now), user, Draft(message=f"number {number}{words}"), now, Status.DELIVERED, now)
                for number in range(count)
            ]
        )
    finally:
        await store.close()


def markup(token: str | None, attributes: str = "") -> str:
    return f"<eventide-bell {attributes} {f'token={token}' if token else ''}></eventide-bell>"


class Application:
    """Somebody's web application, at an origin of its own, whose pages have a bell and run nothing but modules.

    It really serves: of a page that Playwright makes up, Chromium does not believe that it may reach this machine.
    """

    def __init__(self) -> None:
        self.service: Service
        self._pages: dict[str, str] = {}
        self._server = ThreadingHTTPServer((HOST, 0), partial(_Handler, self._pages))
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.origin = f"http://{HOST}:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def page(
        self,
        service: Service,
        token: str | None = None,
        attributes: str = "",
        *,
        bells: str | None = None,
        html: str = "",
    ) -> str:
        """The address of a page with one bell, or with the elements `bells`; `html`: the root's attributes."""
        bells = markup(token, attributes) if bells is None else bells
        return self.paste(PAGE.format(bells=bells, html=html, service=service.base_url))

    def paste(self, page: str) -> str:
        """The address of a page that is just this."""
        path = f"/{len(self._pages)}.html"
        self._pages[path] = page
        return self.origin + path


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, pages: Mapping[str, str], *arguments: Any) -> None:
        self._pages = pages
        super().__init__(*arguments)

    def do_GET(self) -> None:
        body = self._pages.get(self.path, "<!doctype html><title>Elsewhere</title>").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""

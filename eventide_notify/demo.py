"""The demo: the service with nothing to set up, three users, and a page that may have their tokens.

Whoever can reach a demo can be any of its users. It listens on the loopback interface only, unless told otherwise.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .auth import TokenIssuer
from .errors import FieldError, Forbidden, InvalidRequest, NotFound
from .models import Principal, utc_now
from .proxies import comes_from_this_machine, may_be_rebound
from .rest.problems import PRIVATE
from .settings import Settings, is_set, load_settings, token_issuer
from .wire import iso

USERS = {"alice": "Alice", "bob": "Bob", "carol": "Carol"}
ADMIN = "demo-admin"
DATABASE_URL = "sqlite:///eventide-demo.db"
LOOPBACK = "127.0.0.1"
PAGE_TOKEN_TTL = 3600
"""Seconds. The page asks for new tokens whenever it connects; it may ask for some that expire sooner, not later."""
CURL_TOKEN_TTL = 7 * 86_400.0
"""Seconds. The printed line should work as long as anybody scrolls back to it."""
STOP_FOR = 5
"""Seconds that the server is away when the page stops it."""
DEVELOPMENT_ORIGINS = tuple(f"http://{host}:{port}" for host in ("localhost", LOOPBACK) for port in (4200, 5173, 8000))
"""Where `ng serve`, Vite and `python -m http.server` serve an application: there the page's snippets work as pasted."""

Interrupt = Callable[[float], None]
"""Stops the server, and lets it listen again at the same address after so many seconds."""


def demo_settings(**overrides: object) -> Settings:
    """The settings of the environment, with a secret that lives as long as the process and a SQLite file.

    Two things only somebody who means the demo can say, because it lets in whoever reaches it: `--host` for an address
    that others can reach, and EVENTIDE_DATABASE_URL, not an alias that is there for another program, for a database.
    """
    secret = SecretStr(secrets.token_urlsafe(32))
    fixed = {"jwt_secret": secret, "jwt_public_key": None, "jwks_url": None, "jwt_algorithms": ("HS256",)}
    if not any(map(is_set, ("EVENTIDE_CORS_ORIGINS", "FRONTEND_URL"))):
        overrides = {"cors_origins": DEVELOPMENT_ORIGINS, **overrides}
    if not is_set("EVENTIDE_DATABASE_URL"):
        overrides = {"database_url": DATABASE_URL, **overrides}
    settings = load_settings(**fixed, **overrides)
    if "host" in overrides or _is_loopback(settings.host):
        return settings
    return load_settings(**fixed, **overrides, host=LOOPBACK)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def admin_token(settings: Settings) -> str:
    """A token that may send, for the printed `curl`."""
    return token_issuer(settings).issue(ADMIN, ttl=CURL_TOKEN_TTL, now=utc_now(), admin=True)


class DemoRoutes:
    """`/client/demo.json`: the users with their tokens, for the demo page and for `eventide-notify send`.

    `?ttl=SECONDS`, a whole number from 1 to `PAGE_TOKEN_TTL`: tokens that expire so soon, to see what happens then.
    `canStop` says whether `POST /client/demo/stop` stops the server for `STOP_FOR` seconds.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        verify: Callable[[object], Awaitable[Principal]],
        interrupt: Callable[[], Interrupt | None],
    ) -> None:
        """`interrupt` returns `None` where whoever serves the application cannot be stopped by it."""
        self._issuer: TokenIssuer = token_issuer(settings)
        self._hosts = settings.own_hosts
        self._for_everybody = "*" in settings.cors_origins
        self._verify = verify
        self._interrupt = interrupt

    def routes(self) -> list[Route]:
        return [
            Route("/client/demo.json", self.session, methods=["GET"]),
            Route("/client/demo/stop", self.stop, methods=["POST"]),
        ]

    async def session(self, request: Request) -> Response:
        self._check_host(request)
        ttl = _ttl(request.query_params.get("ttl"))
        now = utc_now()
        users = [
            {"id": id, "name": name, "token": self._issuer.issue(id, ttl=ttl, now=now, name=name)}
            for id, name in USERS.items()
        ]
        admin = self._issuer.issue(ADMIN, ttl=ttl, now=now, admin=True)
        # The time: a browser's clock may be another one, and the page shows how long things took.
        can_stop = self._interrupt() is not None
        session = {"users": users, "adminToken": admin, "time": iso(now), "canStop": can_stop}
        return JSONResponse(session, headers=PRIVATE)

    async def stop(self, request: Request) -> Response:
        """Stop for a while: only for the demo's own page, and with the token that it was given."""
        self._check_host(request)
        _check_own_page(request)
        principal = await self._verify(request.headers.get("authorization"))
        if principal.user_id != ADMIN or not principal.admin:
            raise Forbidden
        interrupt = self._interrupt()
        if interrupt is None:
            raise NotFound("This server cannot be stopped from here.")
        interrupt(STOP_FOR)
        return JSONResponse({"seconds": STOP_FOR}, 202, headers=PRIVATE)

    def _check_host(self, request: Request) -> None:
        # A page elsewhere, whose name was made to lead here (DNS rebinding), is of one origin with us to the browser;
        # but it cannot say that it asks for another host than its own. What a proxy forwards it could make up.
        host = request.headers.get("host", "")
        if comes_from_this_machine(request.scope) and may_be_rebound(host, self._hosts) and not self._for_everybody:
            raise Forbidden(
                f"The demo gives its tokens to pages at localhost, not at {host[:100]!a}; "
                "EVENTIDE_CORS_ORIGINS can name another origin."
            )


def _check_own_page(request: Request) -> None:
    # Other origins may be allowed to use the demo's notifications; what is not theirs is the server.
    origin = request.headers.get("origin", "")
    if urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower():
        raise Forbidden("Only the demo's own page can stop it.")


def _ttl(text: str | None) -> int:
    if text is None:
        return PAGE_TOKEN_TTL
    # Four digits: `int` takes signs, spaces and underscores too, and Python refuses to read very long numbers.
    if text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= PAGE_TOKEN_TTL:
        return int(text)
    raise InvalidRequest(errors=[FieldError("ttl", f"must be a whole number of seconds from 1 to {PAGE_TOKEN_TTL}")])

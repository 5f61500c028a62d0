"""A shorter path to the REST operations: an address that has no parameter in it is looked up, not searched for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

Endpoint = Callable[[Request], Awaitable[Response]]


class DirectRoutes:
    """Serves those of `routes` that have no parameters, and leaves everything else to `app`.

    The endpoints answer whatever goes wrong by themselves, so they need no middleware that does. What Starlette's
    router and middleware cost was a sixth of a `POST`.
    """

    def __init__(self, routes: Iterable[Route], app: ASGIApp) -> None:
        self._app = app
        self._endpoints: dict[tuple[str, str], Endpoint] = {
            (method, route.path): route.endpoint
            for route in routes
            for method in route.methods or ()
            if not route.param_convertors
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoints.get((scope["method"], path_of(scope)))
        if endpoint is None:
            await self._app(scope, receive, send)
        else:
            response = await endpoint(Request(scope, receive, send))
            await response(scope, receive, send)


def path_of(scope: Scope) -> str:
    """The path below where the application is mounted. Some servers leave the prefix out of `path`, as WSGI does."""
    path: str = scope["path"]
    prefix = scope.get("root_path", "").rstrip("/")
    return path[len(prefix) :] if path.startswith(f"{prefix}/") else path

"""The layers: imports go down only. docs/architecture.md draws them; this walks the syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import eventide_notify

PACKAGE = Path(eventide_notify.__file__).parent
LAYERS = {
    "models": 0,
    "errors": 0,
    "wire": 0,
    "metrics": 0,
    "store": 1,
    "presence": 1,
    "service": 2,
    "auth": 3,
    "transport": 3,
}
WIRING = 4
"""Everything else: settings, app, cli, …"""

CLIENTS = {
    "socketio": {"transport", "app"},
    "engineio": {"transport", "app"},
    "sqlalchemy": {"store.sql", "store.sql_announcements", "store.tables", "store.engines", "store.migrations"},
    "motor": {"store.mongo_client"},
    "pymongo": {"store.mongo_client"},
    "redis": {"presence.redis"},
    "uvicorn": {"server"},
    "typer": {"cli"},
}
"""Which modules or packages of ours may know these libraries."""

MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def imports(name: str) -> Iterator[str]:
    """What a module imports, by full names; those of our own modules begin with a dot."""
    path = MODULES[name]
    package = ["", *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            yield from (".".join([*start, *filter(None, [node.module]), alias.name]) for alias in node.names)


def top(name: str) -> str:
    return name.partition(".")[0]


def layer(name: str) -> int:
    return LAYERS.get(top(name), WIRING)


def may_import(name: str, other: str) -> bool:
    """Down only. Of the stores and presences, which are siblings, others see the protocols: `base`."""
    if layer(other) == 1 and layer(name) < WIRING:
        return top(name) == top(other) or (layer(name) > 1 and f"{other}.".startswith(f"{top(other)}.base."))
    return layer(other) <= layer(name)


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_down(name: str) -> None:
    ours = [other[1:] for other in imports(name) if other.startswith(".")]
    assert [other for other in ours if not may_import(name, other)] == []
    assert not any(other.startswith("eventide_notify") for other in imports(name)), "by relative imports, please"


@pytest.mark.parametrize("library", CLIENTS)
def test_a_library_is_known_where_it_is_met(library: str) -> None:
    users = {name for name in MODULES if any(top(other) == library for other in imports(name))}
    assert users
    assert {name for name in users if not {name, top(name)} & CLIENTS[library]} == set()


def test_the_walk_sees_what_there_is() -> None:
    assert {".service.NotificationService", ".service.delivery.Delivery", ".wire"} <= {*imports("transport.events")}
    assert {".store.base.Store", ".wire"} <= {*imports("service.notifications"), *imports("service.counts")}
    assert may_import("service.delivery", "store.base.Store")
    for name, other in [("models", "errors.X"), ("wire", "metrics")]:
        assert may_import(name, other)
    for name, other in [
        ("models", "store.base"), ("store.sql", "presence.base"), ("service.counts", "store.sql.SqlStore"),
        ("service", "store"), ("transport.http", "settings.Settings"), ("service.counts", "transport.fanout"),
        ("auth", "app"),
    ]:  # fmt: skip
        assert not may_import(name, other)

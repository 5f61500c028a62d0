"""The layers: imports go down only. docs/architecture.md draws them; this walks the syntax trees."""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import socketio

import eventide_notify
from eventide_notify.realtime.seams import SEAMS, Seam, check_seams

PACKAGE = Path(eventide_notify.__file__).parent
LAYERS = {
    "models": 0,
    "context": 0,
    "errors": 0,
    "faults": 0,
    "headers": 0,
    "revocation": 0,
    "due": 0,
    "audit": 0,
    "proxies": 0,
    "wire": 0,
    "metrics": 0,
    "redis_client": 0,
    "store": 1,
    "presence": 1,
    "rates": 2,
    "service": 2,
    "shapes": 2,
    "schemas": 2,
    "answers": 2,
    "payloads": 2,
    "auth": 3,
    "access": 3,
    "realtime": 3,
    "rest": 3,
    "queues": 3,
    "channel": 4,
}
WIRING = 5
"""Everything else: settings, app, cli, …"""

WITHIN = {
    "realtime.receipts": set[str](),
    "realtime.engine": {"realtime.engine", "realtime.receipts"},
    "realtime.protocol": {"realtime.protocol", "realtime.engine.carrier", "realtime.engine.packets"},
    "realtime.frames": {"realtime.engine.packets"},
    "realtime.session": {"realtime.engine.transport", "realtime.frames"},
    "realtime.writer": {"realtime.session"},
    "realtime.lookups": set[str](),
    "realtime.leaving": {"realtime.frames", "realtime.session", "realtime.writer", "realtime.writes"},
    "realtime.hub": {
        "realtime.frames", "realtime.leaving", "realtime.lookups", "realtime.session", "realtime.writer",
        "realtime.writes",
    },
    "channel.health": set[str](),
    "channel.calls": set[str](),
    "channel.envelopes": {"realtime.hub", "channel.calls"},
}  # fmt: skip
"""What these may import of their own layer and the one below it; of all others they know the models and the like."""
APART = [("realtime", "rest"), ("rest", "realtime")]
"""Packages of one layer that do not know each other."""

CLIENTS = {
    "socketio": {"realtime", "channel"},
    "engineio": {"realtime.engine.server"},
    "sqlalchemy": {
        "store.sql",
        "store.sql_announcements",
        "store.sql_errors",
        "store.sql_claims",
        "store.sql_changes",
        "store.sql_collapse",
        "store.sql_expiry",
        "store.sql_queries",
        "store.sql_reach",
        "store.sql_removal",
        "store.sql_due",
        "store.sql_revocations",
        "store.sql_topics",
        "store.sqlite_threads",
        "store.postgresql_connection",
        "store.postgresql_saves",
        "store.tables",
        "store.engines",
        "store.sqlite",
        "store.postgresql",
        "store.migrations",
    },
    "motor": {"store.mongo_client"},
    "pymongo": {"store.mongo_client", "store.mongo_errors"},
    "redis": {"redis_client", "presence.redis"},
    "limits": {"rates"},
    "uvicorn": {"server", "realtime.protocol"},
    "typer": {"cli"},
    "aio_pika": {"queues.rabbitmq"},
}
"""Which modules or packages of ours may know these libraries."""
OURS = {"redis_client": {"presence.redis", "channel.publisher", "channel.redis", "queues.redis", "rates"}}
"""Likewise for modules of our own that stand for a library."""

PUBLIC = {("store.tables", "_asdict"), ("rest.data", "_asdict")}
"""Documented names of other libraries that begin with an underscore all the same."""

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


def within(name: str, places: set[str]) -> bool:
    """Whether it is one of these modules, or in one of these packages."""
    return any(f"{name}.".startswith(f"{place}.") for place in places)


@pytest.mark.parametrize("part", WITHIN)
def test_the_live_half_is_built_upwards(part: str) -> None:
    for name in MODULES:
        if within(name, {part}):
            ours = [other[1:] for other in imports(name) if other.startswith((".realtime", ".channel"))]
            assert [other for other in ours if not within(other, WITHIN[part])] == [], name


@pytest.mark.parametrize(("one", "other"), APART)
def test_neighbours_do_not_know_each_other(one: str, other: str) -> None:
    for name in MODULES:
        if within(name, {one}):
            assert [each for each in imports(name) if within(each[1:], {other})] == [], name


@pytest.mark.parametrize("library", [*CLIENTS, *OURS])
def test_a_library_is_known_where_it_is_met(library: str) -> None:
    met = {**CLIENTS, **OURS}[library]
    users = {
        name for name in MODULES if layer(name) < WIRING or library in CLIENTS
        if any(top(other.removeprefix(".")) == library and (library in OURS) == other.startswith(".")
               for other in imports(name))
    }  # fmt: skip
    assert users
    assert {name for name in users if not within(name, met)} == set()


# No private names of other libraries


def is_private(name: str) -> bool:
    return re.fullmatch("_[^_].*", name) is not None


def made(tree: ast.AST) -> Iterator[str]:
    """The attributes and methods that classes in this tree give themselves."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
                yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


@pytest.mark.parametrize("name", MODULES)
def test_no_attribute_is_reached_through_a_private_name(name: str) -> None:
    """Of other objects than `self`; in a module with the class that has them, they are its own."""
    tree = ast.parse(MODULES[name].read_text())
    own = set(made(tree)) | {attribute for module, attribute in PUBLIC if module == name}
    reached = {
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and is_private(node.attr) and node.attr not in own
        if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
    }
    by_text = {
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("getattr", "setattr")
        if isinstance(node.args[1], ast.Constant) and is_private(str(node.args[1].value))
    }
    swapped = {
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "__class__" and isinstance(node.ctx, ast.Store)
    }
    assert reached | by_text | swapped == set()


@functools.cache
def private_names(base: type) -> set[str]:
    """What a class has of private names, its instances' attributes too."""
    found = set(vars(base))
    with contextlib.suppress(OSError, TypeError):  # it is not written in Python
        found |= set(made(ast.parse(textwrap.dedent(inspect.getsource(base)))))
    return {name for name in found if is_private(name)}


def classes(name: str) -> Iterator[type]:
    module = importlib.import_module(f"eventide_notify.{name}".removesuffix("."))
    for each in vars(module).values():
        if inspect.isclass(each) and each.__module__ == module.__name__:
            yield each


def touched(each: type) -> set[str]:
    """The private names of its foreign bases that a class of ours overrides or uses."""
    foreign = [base for base in each.__mro__ if not base.__module__.startswith("eventide_notify")]
    theirs = set().union(*map(private_names, foreign))
    tree = ast.parse(textwrap.dedent(inspect.getsource(each)))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
    }
    return (set(made(tree)) | used) & theirs


def test_the_private_names_of_base_classes_that_are_touched_are_listed() -> None:
    anywhere = {
        (each, attribute)
        for name in MODULES
        if name != "__main__"
        for each in classes(name)
        for attribute in touched(each)
    }
    found = {
        (base, attribute)
        for each, attribute in anywhere
        for base in (socketio.AsyncServer, socketio.AsyncRedisManager)
        if issubclass(each, base)
    }
    assert found == {(seam.base, seam.name) for seam in SEAMS}
    of_kafka = {"_client"}  # which the range in pyproject.toml has, and no start without Kafka needs
    assert {attribute for _, attribute in anywhere} == {seam.name for seam in SEAMS} | of_kafka
    assert all(seam.reason for seam in SEAMS)


def test_a_version_without_them_is_refused() -> None:
    check_seams()
    with pytest.raises(RuntimeError, match=r"python-socketio 5\.\d+\.\d+ does not have AsyncServer\._gone \(why\)"):
        check_seams([Seam(socketio.AsyncServer, "_gone", "why")])


def test_the_walk_sees_what_there_is() -> None:
    assert {".service.Inbox", ".service.delivery.ReceiptWriter", ".wire"} <= {*imports("realtime.events")}
    assert {".store.base.Store", ".wire"} <= {*imports("service.notifications"), *imports("service.counts")}
    assert may_import("service.delivery", "store.base.Store")
    for name, other in [("models", "errors.X"), ("wire", "metrics"), ("channel.rooms", "realtime.hub")]:
        assert may_import(name, other)
    for name, other in [
        ("models", "store.base"), ("store.sql", "presence.base"), ("service.counts", "store.sql.SqlStore"),
        ("service", "store"), ("rest.operations", "settings.Settings"), ("service.counts", "realtime.hub"),
        ("auth", "app"), ("realtime.hub", "channel.base"),
    ]:  # fmt: skip
        assert not may_import(name, other)

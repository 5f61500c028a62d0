"""Which scenarios there are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from . import faults
from .backends import Backend
from .faults import Fault
from .front import FrontName
from .network import SPOILS, Drops
from .size import FULL

Load = Literal["stock", "verify", "verify over polling"]


@dataclass(frozen=True)
class Scenario:
    """A load on a deployment, while something breaks."""

    backend: Backend
    load: Load
    drops: Drops
    fault: Fault | None = None
    front: FrontName = "direct"

    @property
    def name(self) -> str:
        """In words."""
        load = "stock clients" if self.load == "stock" else self.load
        drops = self.drops if self.drops in SPOILS else f"{self.drops} drops"
        fault = "" if self.fault is None else self.fault.__name__.replace("_", " ")
        return ", ".join(
            filter(
                None,
                [load, "no drops" if self.drops == "none" else drops, fault, "" if self.front == "direct" else "nginx"],
            )
        )

    @property
    def id(self) -> str:
        """For pytest."""
        return f"{self.backend}-{self.name.replace(', ', '-').replace(' ', '_')}"


SQLITE = Backend("SQLite", 1)
POSTGRES, POSTGRES_3 = Backend("PostgreSQL", 2), Backend("PostgreSQL", 3)
MONGO = Backend("MongoDB", 2)
ONE, SEVERAL = (SQLITE,), (POSTGRES, POSTGRES_3, MONGO)

FAULTS: tuple[Fault, ...] = (
    faults.instance_killed,
    faults.rolling_restart,
    faults.redis_restarted,
    faults.redis_frozen,
    faults.database_restarted,
)
OF_ONE: tuple[Fault, ...] = (faults.instance_killed, faults.rolling_restart)

DROPS: tuple[Drops, ...] = ("clean", "silent", "none")

BRIEFLY = (
    Scenario(SQLITE, "stock", "silent", faults.instance_killed),
    Scenario(POSTGRES, "stock", "clean", faults.redis_frozen),
    Scenario(POSTGRES, "stock", "none", faults.rolling_restart),
    Scenario(POSTGRES, "verify", "silent"),
    Scenario(POSTGRES_3, "stock", "silent", faults.redis_restarted),
    Scenario(POSTGRES_3, "stock", "none", faults.instance_killed),
    Scenario(MONGO, "stock", "silent", faults.database_restarted),
    Scenario(MONGO, "verify", "clean"),
    Scenario(POSTGRES, "stock", "silent", faults.instance_killed, "nginx"),
    Scenario(SQLITE, "stock", "lost answers"),
    Scenario(POSTGRES, "stock", "dead WebSockets"),
)


def _all() -> Iterator[Scenario]:
    for backend in (*ONE, *SEVERAL):
        for drops in DROPS:
            yield Scenario(backend, "stock", drops)
            yield Scenario(backend, "verify", drops)
        yield Scenario(backend, "verify over polling", "silent")
        yield Scenario(backend, "stock", "lost answers")
        yield Scenario(backend, "stock", "lost answers", faults.instance_killed)
        yield Scenario(backend, "stock", "lost answers", faults.rolling_restart)
        yield Scenario(backend, "stock", "dead WebSockets")
        yield Scenario(backend, "stock", "dead WebSockets", faults.rolling_restart)
        for fault in FAULTS if backend in SEVERAL else OF_ONE:
            yield Scenario(backend, "stock", "silent", fault)
            yield Scenario(backend, "stock", "none", fault)
            yield Scenario(backend, "verify", "none", fault)
    for backend in (POSTGRES, MONGO):
        for drops in DROPS:
            yield Scenario(backend, "stock", drops, front="nginx")
        yield Scenario(backend, "stock", "lost answers", front="nginx")
        yield Scenario(backend, "stock", "dead WebSockets", front="nginx")
        yield Scenario(backend, "verify", "silent", front="nginx")
        yield Scenario(backend, "verify over polling", "silent", front="nginx")
        for fault in FAULTS:
            yield Scenario(backend, "stock", "none", fault, "nginx")
        yield Scenario(backend, "stock", "silent", faults.instance_killed, "nginx")


SCENARIOS = tuple(_all()) if FULL else BRIEFLY

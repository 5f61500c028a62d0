"""python-socketio's server, on an Engine.IO server of ours."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import Any

import socketio

from ..faults import ClientFaults
from ..metrics import Metrics
from .codec import Codec
from .engine.server import Confirm, EngineServer


class SocketServer(socketio.AsyncServer):
    """python-socketio's server for this service: orjson, events in the order they came, receipts.

    `confirm` is called with the receipts that a client has proven, its transport's id, and how. `origins`: whose pages
    may connect beside the service's own; `*`: everybody's. `hosts`: names that lead here.
    """

    eio: EngineServer

    def __init__(
        self,
        *,
        manager: Any,
        confirm: Confirm,
        metrics: Metrics,
        origins: Sequence[str],
        hosts: Collection[str],
        transports: Sequence[str],
        namespaces: Sequence[str],
    ) -> None:
        super().__init__(
            namespaces=list(namespaces),  # by default it takes anybody into `/`, also where nothing is served there
            client_manager=manager,
            serializer=Codec,
            # One event of a client after the other: a flood waits in its own socket, and answers come in order.
            async_handlers=False,
            logger=logging.getLogger("eventide_notify.socketio"),
            engineio_logger=logging.getLogger("eventide_notify.engineio"),
            # What follows is for the Engine.IO server.
            confirm=confirm,
            faults=ClientFaults(),
            metrics=metrics,
            origins=origins,
            hosts=hosts,
            transports=transports,
        )

    def _engineio_server_class(self) -> type[EngineServer]:
        # The seam that python-socketio leaves for this.
        return EngineServer

"""From polling to a WebSocket, on the same transport.

The client opens a WebSocket beside its polls and sends a probe. Once that is answered, it finishes its last poll and
says that the upgrade is done. Until then it polls as ever: on many networks WebSockets open and then carry nothing.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from . import packets
from .carrier import Carrier
from .packets import Frame

if TYPE_CHECKING:
    from .transport import Transport

UPGRADE_TIMEOUT = 10.0
"""Seconds that an upgrade may take."""

_QUESTION, _ANSWER = packets.PING + packets.PROBE, Frame(packets.PONG + packets.PROBE)


class Upgrade:
    """A WebSocket that is to carry a transport."""

    __slots__ = ("_timer", "_transport", "carrier", "probed")

    def __init__(self, transport: Transport) -> None:
        self.carrier: Carrier | None = None
        """Set as soon as there is one."""
        self.probed = False
        """Whether something has come through it."""
        self._transport = transport
        self._timer = asyncio.get_running_loop().call_later(UPGRADE_TIMEOUT, self.fail)
        transport.upgrading = self

    def received(self, message: str | bytes) -> None:
        if self.carrier is None or self._transport.upgrading is not self:
            return
        if message == _QUESTION and not self.probed:
            self.probed = True
            self.carrier.write(_ANSWER)
            if self._transport.polling is not None:
                self._transport.polling.let_go()
        elif message == packets.UPGRADE and self.probed:
            self._forget()
            self.carrier.receiver = self._transport
            self._transport.carried_by(self.carrier)
        else:
            self.fail()

    def ponged(self) -> None:
        self.fail()

    def writable(self) -> None: ...

    def lost(self) -> None:
        self._forget()

    def fail(self) -> None:
        """It has not worked: the client goes on polling."""
        self._forget()
        if self.carrier is not None:
            self.carrier.close()

    def _forget(self) -> None:
        self._timer.cancel()
        if self._transport.upgrading is self:
            self._transport.upgrading = None

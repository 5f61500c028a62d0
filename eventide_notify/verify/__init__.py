"""`eventide-notify verify`: a proof that a deployment delivers, while its clients' connections are being broken.

It is a client of the service like any other: it knows the REST API and the sockets, and nothing of what is behind them.

==========  =====================================================================================
`proxy`     the network between each client and the server, which fails on purpose
`http`      HTTP for the REST calls and for the polling transport
`client`    a stock Socket.IO client
`user`      a user with a client and a network
`rest`      the REST calls
`ledger`    what was created and received, and what that says; no I/O, no clock
`plan`      what a run is to do, and what came of it
`run`       the scenario: connect, send while connections break, settle, clean up
`report`    the ledger for people and for programs; the progress bar
==========  =====================================================================================
"""

from __future__ import annotations

from .plan import Outcome, Plan
from .report import as_json, as_text, progress
from .rest import CannotVerify
from .run import verify

__all__ = ["CannotVerify", "Outcome", "Plan", "as_json", "as_text", "progress", "verify"]

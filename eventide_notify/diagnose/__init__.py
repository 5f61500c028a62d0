"""`eventide-notify check --url`: what is wrong with a deployment, seen from outside, and what to change.

It is a client like any other. Only with an administrator's token does it learn more: `/v1/admin/diagnosis` tells what
has reached the service of a request.

==========  =====================================================================================
`findings`  what is said of each thing that was looked at
`target`    the deployment: requests and WebSockets to it
`reaching`  the name, the connection, the certificate, and whether it is the service that answers
`sockets`   both transports, and how long they may be idle
`origins`   whose pages may connect
`requests`  the token, the clock, the size of bodies, and what proxies make of a request
`run`       all of that, one after the other
==========  =====================================================================================
"""

from __future__ import annotations

from .findings import Finding, Level
from .run import diagnose
from .target import Plan

__all__ = ["Finding", "Level", "Plan", "diagnose"]

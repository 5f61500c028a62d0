"""The command line: `eventide-notify serve | demo | token | apikey | send | announce | publish | check |
migrate | verify`."""

from __future__ import annotations

import warnings

import jwt

from .checks import check
from .common import cli
from .data import migrate
from .keys import apikey
from .publishing import publish
from .run import demo, serve
from .sending import announce, send
from .tokens import token
from .verify import verify

__all__ = [
    "announce",
    "apikey",
    "check",
    "cli",
    "demo",
    "main",
    "migrate",
    "publish",
    "send",
    "serve",
    "token",
    "verify",
]


def main() -> None:
    """The entry point. Configuration errors are one line on standard error, with exit code 2."""
    # How long a secret must be is a setting of ours, which says so by itself.
    warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
    cli()

"""TLS as an address asks for it: by the files that its options name, otherwise as this system has it."""

from __future__ import annotations

import ssl
from collections.abc import Mapping


def tls_context(options: Mapping[str, str]) -> ssl.SSLContext:
    """How to check the broker's certificate, and which one to show it. Raises OSError if a file cannot be used."""
    context = ssl.create_default_context(cafile=options.get("cafile"))
    if certificate := options.get("certfile"):
        context.load_cert_chain(certificate, options.get("keyfile"))
    return context

"""A key set behind a URL, and the keys that tokens are signed with."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()


class KeyServer:
    """A key set on the loopback interface: what it says (`answer`; None: it hangs up), how often it was `asked`.

    While `answers` is not set it says nothing.
    """

    def __init__(self) -> None:
        self.answer: bytes | None = b"{}"
        self.asked = 0
        self.answers = threading.Event()
        self.answers.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                outer.answers.wait(30)
                if outer.answer is None:
                    return
                self.send_response(200)
                self.end_headers()
                self.wfile.write(outer.answer)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks.json"

    def has(self, **keys: Any) -> None:
        """From now on it has these keys, by their `kid`."""
        self.answer = json.dumps(
            {"keys": [_jwk(key) | {"kid": kid, "use": "sig"} for kid, key in keys.items()]}
        ).encode()


def _jwk(key: Any) -> dict[str, Any]:
    kinds: dict[Any, Any] = {RSA: RSAAlgorithm, OTHER_RSA: RSAAlgorithm, EC: ECAlgorithm, ED: OKPAlgorithm}
    return dict(kinds[key].to_jwk(key.public_key(), as_dict=True))


@contextmanager
def key_server() -> Iterator[KeyServer]:
    """One that runs."""
    keys = KeyServer()
    thread = threading.Thread(target=keys.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield keys
    finally:
        keys.answers.set()
        keys.server.shutdown()
        thread.join()
        keys.server.server_close()

"""A receiver of webhooks on the loopback interface, which checks what it is sent as any receiver would."""

from __future__ import annotations

import threading
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from standardwebhooks import Webhook

SECRET = "whsec_" + b64encode(b"a secret for tests, long enough.").decode()


class WebhookReceiver:
    """`took` has the id and the payload of each that was verified; the next ones are answered with `refusals` first."""

    def __init__(self) -> None:
        self.took: list[tuple[str, dict[str, Any]]] = []
        self.attempts: list[str] = []
        self.refusals: list[int] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                payload = Webhook(SECRET).verify(body, dict(self.headers))
                outer.attempts.append(self.headers["webhook-id"])
                status = outer.refusals.pop(0) if outer.refusals else 204
                if status == 204:
                    outer.took.append((self.headers["webhook-id"], payload))
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", outer.url + "elsewhere")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> WebhookReceiver:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

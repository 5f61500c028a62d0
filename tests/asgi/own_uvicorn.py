"""uvicorn as somebody starts it by themselves, with our protocol classes: MODULE HOST PORT."""

from __future__ import annotations

import importlib
import sys

import uvicorn

from eventide_notify.realtime.protocol import HttpProtocol

if __name__ == "__main__":
    module, host, port = sys.argv[1:]
    app = importlib.import_module(module).app
    uvicorn.run(app, host=host, port=int(port), http=HttpProtocol, timeout_graceful_shutdown=1)

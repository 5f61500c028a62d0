"""A client of the REST API, for the command line."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from typing import Any

TIMEOUT = 15.0
"""Seconds that the server has to answer."""


class RequestFailed(Exception):
    """The server could not be reached, or refused. The message is one line."""


def request(url: str, *, method: str = "GET", token: str | None = None, body: Any = None) -> Any:
    """The JSON that the server answers; raises `RequestFailed`."""
    if not url.startswith(("http://", "https://")):
        raise RequestFailed(f"{url} is not an http:// or https:// address")
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    try:
        asked = urllib.request.Request(url, data=data, headers=headers, method=method)  # noqa: S310 - checked above
        with urllib.request.urlopen(asked, timeout=TIMEOUT) as answer:  # noqa: S310
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise RequestFailed(f"{url} answered {error.code}: {_detail(error)}") from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise RequestFailed(f"{url} cannot be reached: {reason}") from None
    except ValueError:
        raise RequestFailed(f"{url} did not answer with JSON") from None


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        return " ".join(str(json.load(error)["detail"]).split())
    except (ValueError, KeyError, TypeError):
        return error.reason

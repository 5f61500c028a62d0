"""A file as browsers get it: compressed, and asked for again only when it may have changed."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from functools import cached_property

from starlette.requests import Request
from starlette.responses import Response

ASK_AGAIN = "no-cache"
FOR_GOOD = "public, max-age=31536000, immutable"
CODINGS = ("br", "gzip")
"""The best one first."""


class File:
    """In memory. `compressed` has what was compressed beforehand, by content coding; `headers` go with each answer."""

    def __init__(
        self,
        content: bytes,
        media_type: str,
        *,
        compressed: Mapping[str, bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.content = content
        self.digest = hashlib.sha256(content).hexdigest()
        self._media_type = media_type
        self._beforehand = compressed or {}
        self._headers = headers or {}

    @property
    def version(self) -> str:
        return self.digest[:16]

    def answer(self, request: Request, *, otherwise: str = ASK_AGAIN) -> Response:
        """An address with `?v=` and the file's version is kept for good; `otherwise`: any other's Cache-Control."""
        coding = self._coding(request.headers.get("accept-encoding", ""))
        etag = f'"{self.version}-{coding}"' if coding else f'"{self.version}"'
        current = request.query_params.get("v") == self.version
        headers = {
            **self._headers,
            "Cache-Control": FOR_GOOD if current else otherwise,
            "ETag": etag,
            "Vary": "Accept-Encoding",
        }
        if etag in _tags(request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers=headers)
        if coding:
            headers["Content-Encoding"] = coding
        content = self._compressed[coding] if coding else self.content
        return Response(content, headers=headers, media_type=self._media_type)

    @cached_property
    def _compressed(self) -> dict[str, bytes]:
        """By coding, if it makes the file smaller. Done when it is first asked for."""
        made = {"gzip": gzip.compress(self.content, mtime=0), **self._beforehand}
        return {coding: content for coding, content in made.items() if len(content) < len(self.content)}

    def _coding(self, accepted: str) -> str | None:
        """Which one the client takes: the header's weights only tell what it does not take at all."""
        offers = (offer.replace(" ", "").lower().partition(";q=") for offer in accepted.split(","))
        taken = {name for name, _, weight in offers if not weight or weight.strip("0.")}
        return next((coding for coding in CODINGS if coding in taken and coding in self._compressed), None)


def _tags(if_none_match: str) -> set[str]:
    """A proxy that compresses may have made them weak."""
    return {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}

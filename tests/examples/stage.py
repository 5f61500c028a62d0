"""An example in front of a demo of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from eventide_notify.verify.http import endpoint
from eventide_notify.verify.proxy import LOOPBACK, Link

from ..service import Service
from .site import Site


@dataclass(frozen=True)
class Stage:
    """The example's page on one origin, the service on another, and between them a network that a test may cut."""

    site: Site
    demo: Service
    link: Link

    @classmethod
    @asynccontextmanager
    async def set(cls, folder: Path) -> AsyncIterator[Self]:
        """With the built example in this folder."""
        with Site(folder) as site, Service({"EVENTIDE_CORS_ORIGINS": site.origin}, command=("demo",)) as demo:
            demo.start()
            link = Link()
            link.lead_to(*endpoint(urlsplit(demo.base_url)))
            await link.open()
            site.service = f"http://{LOOPBACK}:{link.port}"
            try:
                yield cls(site, demo, link)
            finally:
                await link.close()

    def send(self, user: str, message: str, **fields: Any) -> str:
        """Send somebody a notification, past the network that may be cut; its id."""
        body = {"userIds": [user], "message": message, **fields}
        sent: str = self._post("notifications", body)["notifications"][0]["id"]
        return sent

    def announce(self, message: str) -> str:
        """Announce something; the announcement's id."""
        announced: str = self._post("announcements", {"message": message})["id"]
        return announced

    def take_back(self, announcement: str) -> None:
        with self._client(self._session()["adminToken"]) as admin:
            admin.delete(f"/v1/admin/announcements/{announcement}").raise_for_status()

    def stored(self, user: str) -> dict[str, str]:
        """The statuses of somebody's notifications, by their messages."""
        token = next(known["token"] for known in self._session()["users"] if known["id"] == user)
        with self._client(token) as client:
            return {item["message"]: item["status"] for item in self._list(client)}

    def clear(self) -> None:
        """Leave nothing to anybody, and the network whole."""
        self.link.restore()
        self.site.loaded.clear()
        self.site.policy = ""
        for user in self._session()["users"]:
            with self._client(user["token"]) as client:
                for item in self._list(client):
                    client.delete(f"/v1/notifications/{item['id']}").raise_for_status()

    @staticmethod
    def _list(client: httpx.Client) -> list[dict[str, str]]:
        listed: list[dict[str, str]] = client.get("/v1/notifications").raise_for_status().json()["notifications"]
        return listed

    def _post(self, what: str, body: dict[str, Any]) -> Any:
        with self._client(self._session()["adminToken"]) as admin:
            return admin.post(f"/v1/admin/{what}", json=body).raise_for_status().json()

    def _session(self) -> Any:
        """Its secret is another one after each start, and so are the tokens."""
        return httpx.get(f"{self.demo.base_url}/client/demo.json", timeout=30, verify=False).json()

    def _client(self, token: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.demo.base_url, headers=headers, timeout=30, verify=False)

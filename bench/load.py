"""The load generator: thousands of Socket.IO clients over raw WebSockets in one process.

It is told what to do on standard input, an object a line, and answers each with an object on standard output; between
and during these it answers pings and acks. `Generator` in `processes.py` is the other end.

It must be faster than any server it measures, so it works on `epoll` and sockets directly.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from .clients import RECEIVE, WITHIN, Client, Crowd, Failed
from .posts import Plan, Posts, percentiles


class Asked:
    """A connection by which a server is asked for something, one thing at a time."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=WITHIN)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self._data = b""
        self._end = b""
        self.answer: bytes | None = None

    def work(self, body: dict[str, Any]) -> None:
        """Ask for work, on the port for that."""
        self.answer, self._data, self._end = None, b"", b"\n"
        self.socket.send(json.dumps(body).encode() + b"\n")

    def get(self, path: str) -> None:
        """Ask by HTTP."""
        self.answer, self._data, self._end = None, b"", b""
        self.socket.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())

    def readable(self) -> None:
        data = self.socket.recv(RECEIVE)
        self._data += data
        if (self._end and data.endswith(self._end)) or (not data and self._data.startswith(b"HTTP/1.1 200 ")):
            self.answer = self._data
        elif not data:
            raise Failed(f"a server closed a connection after {self._data[:500]!r}")


class Load:
    """Everything the process does, in one thread."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._epoll.register(sys.stdin.fileno(), select.EPOLLIN)
        self._readable: dict[int, Callable[[], None]] = {sys.stdin.fileno(): self._told}
        self._commands: list[dict[str, Any]] = []
        self._input = b""
        self._ended = False
        self._crowds: dict[str, Crowd] = {}

    def run(self) -> None:
        """Do what is asked until the input ends, or a server fails; it may do so while nothing is asked of it."""
        while not self._ended:
            try:
                self._pump(1)
                while self._commands:
                    command = self._commands.pop(0)
                    answer = getattr(self, f"do_{command.pop('do')}")(**command)
                    print(json.dumps(answer or {}), flush=True)
            except Failed as error:
                print(json.dumps({"failed": str(error)}), flush=True)
                return

    def do_crowd(self, name: str, **about: Any) -> None:
        """Know a server by this name."""
        self._crowds[name] = Crowd(name, **about)

    def do_connect(self, name: str, tokens: list[str], concurrency: int) -> None:
        """Connect a client with each token, so many at a time; done when all are ready."""
        self._connect(self._crowds[name], tokens, concurrency, lambda: 1)

    def do_return(self, name: str, tokens: list[str], concurrency: int, posts: dict[str, Any]) -> dict[str, Any]:
        """Connect likewise, and meanwhile POST to somebody who is not there: until when, and how long these took."""
        crowd = self._crowds[name]
        requests = Posts(crowd, Plan(**posts))
        start = time.monotonic()
        with self._posting(requests):
            self._connect(crowd, tokens, concurrency, requests.push)
            seconds = time.monotonic() - start
            return {"seconds": seconds, **percentiles(requests.times)}

    def _connect(self, crowd: Crowd, tokens: list[str], concurrency: int, meanwhile: Callable[[], float]) -> None:
        target = crowd.ready + len(tokens)
        waiting = iter(tokens)
        begun = crowd.ready
        within = WITHIN * max(1, len(tokens) / 2_000)
        end = time.monotonic() + within
        while crowd.ready < target:
            while begun - crowd.ready < concurrency and (token := next(waiting, None)) is not None:
                begun += 1
                client = Client(crowd, token)
                crowd.clients.append(client)
                self._watch(client.socket, client.readable)
            self._pump(meanwhile())
            if time.monotonic() > end:
                raise Failed(f"{crowd.name}: {target - crowd.ready} sockets are not ready after {within:.0f} s")

    def do_close(self, name: str) -> None:
        """Close all connections of the crowd."""
        crowd = self._crowds[name]
        for client in crowd.clients:
            self._forget(client.socket)
        crowd.clients.clear()
        crowd.ready = 0

    def do_leave(self, name: str) -> None:
        """Close all connections to the server, and forget it."""
        self.do_close(name)
        del self._crowds[name]

    def do_broadcast(self, *, name: str, body: dict[str, Any], event: str, count: int, every: float) -> dict[str, Any]:
        """Have the server broadcast so often: again when all sockets have got it, and not before `every` seconds."""
        crowd = self._crowds[name]
        crowd.count(event)
        start = time.monotonic()
        with self._asked(crowd.address_for_work) as server:
            for n in range(1, count + 1):
                self._wait_for(server, partial(server.work, body))
                self._until_counted(crowd, n * len(crowd.clients))
                self._pump_until(start + n * every)
        return self._result(crowd, count * len(crowd.clients), start)

    def do_events(
        self, *, name: str, via: str, body: dict[str, Any], event: str, count: int, in_flight: int
    ) -> dict[str, Any]:
        """Have the server `via` send events to single users of this crowd: so many, and again when all have come."""
        crowd = self._crowds[name]
        crowd.count(event)
        start = time.monotonic()
        with self._asked(self._crowds[via].address_for_work) as server:
            for n in range(0, count, in_flight):
                now = {**body, "count": in_flight, "first": n, "users": len(crowd.clients)}
                self._wait_for(server, partial(server.work, now))
                self._until_counted(crowd, n + in_flight)
        return self._result(crowd, count, start)

    def do_posts(self, *, name: str, event: str, count: int, plan: dict[str, Any]) -> dict[str, Any]:
        """POST so often, to one user each; how long it took until the user had it, too."""
        crowd = self._crowds[name]
        crowd.count(event)
        posts = Posts(crowd, Plan(**plan), count)
        start = time.monotonic()
        with self._posting(posts):
            while crowd.events < count or not posts.ended:
                self._pump(posts.push())
                if time.monotonic() > start + WITHIN:
                    raise Failed(f"{name}: {crowd.events} of {count} have come in {WITHIN} s")
        return {**self._result(crowd, count, start), **percentiles(crowd.times)}

    def do_posts_to_all(self, *, name: str, event: str, count: int, plan: dict[str, Any]) -> dict[str, Any]:
        """POST so often, to all users at once; again when all have it. How long the answers took."""
        crowd = self._crowds[name]
        crowd.count(event)
        start, times = time.monotonic(), []
        for n in range(1, count + 1):
            posts = Posts(crowd, Plan(**plan), 1)
            with self._posting(posts):
                while not posts.ended:
                    self._pump(posts.push())
                    if time.monotonic() > start + WITHIN * n:
                        raise Failed(f"{name} has not answered in {WITHIN} s")
            self._until_counted(crowd, n * len(crowd.clients))
            times += posts.times
        return {**self._result(crowd, count * len(crowd.clients), start), **percentiles(times)}

    def do_count(self, name: str, event: str) -> None:
        """From now on count these events."""
        self._crowds[name].count(event)

    def do_come(self, name: str, count: int) -> dict[str, Any]:
        """Wait until so many have come, each to one user, which somebody else sees to."""
        start = time.monotonic()
        self._until_counted(self._crowds[name], count)
        return self._result(self._crowds[name], count, start)

    def do_work(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Have the server do something; its answer."""
        with self._asked(self._crowds[name].address_for_work) as server:
            answer: dict[str, Any] = json.loads(self._wait_for(server, partial(server.work, body)))
            return answer

    def do_figure(self, name: str, figure: str, least: float) -> dict[str, Any]:
        """Wait until this figure of the server's `/metrics` is at least so high; how high it is.

        To ask costs the server something; so it is asked at longer and longer intervals.
        """
        start = time.monotonic()
        pause = 0.1
        while (value := self._figure(self._crowds[name], figure)) < least:
            if time.monotonic() > start + WITHIN:
                raise Failed(f"{name}: {figure} is {value}, not {least}, after {WITHIN} s")
            self._pump_until(time.monotonic() + pause)
            pause *= 1.5
        return {"value": value}

    def _figure(self, crowd: Crowd, figure: str) -> float:
        with self._asked(crowd.address) as server:
            lines = self._wait_for(server, partial(server.get, "/metrics")).decode().splitlines()
        return next((float(line.split()[1]) for line in lines if line.startswith(f"{figure} ")), 0.0)

    def do_idle(self, seconds: float) -> None:
        """Only answer what comes."""
        self._pump_until(time.monotonic() + seconds)

    @contextmanager
    def _asked(self, address: tuple[str, int]) -> Iterator[Asked]:
        asked = Asked(address)
        self._watch(asked.socket, asked.readable)
        try:
            yield asked
        finally:
            self._forget(asked.socket)

    @contextmanager
    def _posting(self, posts: Posts) -> Iterator[None]:
        for connection in posts.connections:
            self._watch(connection.socket, connection.readable)
        try:
            yield
        finally:
            for connection in posts.connections:
                self._forget(connection.socket)

    def _wait_for(self, asked: Asked, ask: Callable[[], None]) -> bytes:
        ask()
        end = time.monotonic() + WITHIN
        while asked.answer is None:
            self._pump(1)
            if time.monotonic() > end:
                raise Failed(f"a server has not answered in {WITHIN} s")
        return asked.answer

    def _until_counted(self, crowd: Crowd, target: int) -> None:
        end = time.monotonic() + WITHIN
        while crowd.events < target:
            self._pump(1)
            if time.monotonic() > end:
                raise Failed(f"{crowd.name}: {target - crowd.events} of {target} events did not come in {WITHIN} s")

    def _result(self, crowd: Crowd, expected: int, start: float) -> dict[str, Any]:
        counts = {client.events for client in crowd.clients}
        if crowd.events != expected or max(counts) - min(counts) > 1:
            raise Failed(f"{crowd.name}: {crowd.events} events instead of {expected}; by socket: {sorted(counts)}")
        return {"units": expected, "seconds": time.monotonic() - start}

    def _pump(self, seconds: float) -> None:
        readable = self._readable
        for fd, _ in self._epoll.poll(seconds, 1_024):
            if reader := readable.get(fd):
                reader()

    def _pump_until(self, time_: float) -> None:
        while (left := time_ - time.monotonic()) > 0:
            self._pump(left)

    def _watch(self, connection: socket.socket, readable: Callable[[], None]) -> None:
        self._readable[connection.fileno()] = readable
        self._epoll.register(connection.fileno(), select.EPOLLIN)

    def _forget(self, connection: socket.socket) -> None:
        del self._readable[connection.fileno()]
        connection.close()  # which takes it out of epoll, too

    def _told(self) -> None:
        data = os.read(sys.stdin.fileno(), RECEIVE)
        self._ended = not data
        *lines, self._input = (self._input + data).split(b"\n")
        self._commands += map(json.loads, lines)


if __name__ == "__main__":
    Load().run()

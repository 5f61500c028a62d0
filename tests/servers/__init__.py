"""Real database servers for tests: started on loopback in a directory of their own, and ended by process id.

Nothing here knows pytest. Of each family `available_…_servers()` lists the kinds in order of preference, with what
stands in the way of each, and `start_…_server()` starts the first that is possible::

    with start_mongo_server() as server:
        client = AsyncIOMotorClient(server.url("eventide"))

A server can be stopped, killed and frozen, and started again on the same port with the same data. All calls block,
for up to seconds: from a coroutine use `asyncio.to_thread(server.start)`. Message brokers are in modules of their own:
`kafka`, `nats`, `rabbitmq`; only their tests have to load their drivers.
"""

from __future__ import annotations

from .base import Choice, Server, ServerError
from .mongodb import MongoServer, available_mongo_servers, start_mongo_server
from .postgres import PostgresServer, available_postgres_servers, start_postgres_server
from .redis import (
    RedisServer,
    SentinelServer,
    available_redis_servers,
    start_keeping_redis_server,
    start_redis_server,
)

__all__ = [
    "Choice",
    "MongoServer",
    "PostgresServer",
    "RedisServer",
    "SentinelServer",
    "Server",
    "ServerError",
    "available_mongo_servers",
    "available_postgres_servers",
    "available_redis_servers",
    "start_keeping_redis_server",
    "start_mongo_server",
    "start_postgres_server",
    "start_redis_server",
]

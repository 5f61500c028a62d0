"""Kafka for tests: one node, in KRaft mode, which is broker and controller at once."""

from __future__ import annotations

from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from ... import maven
from ..base import Server, ServerError, finished
from ..process import HOST, Home

_FOLDER = Path(__file__).parent
# A start is a third shorter without the second compiler, and a megabyte or two are enough for a test.
_JAVA = ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx384m", "-Dorg.apache.logging.log4j.level=WARN")


class KafkaServer(Server):
    """A broker. What it has acknowledged outlives `stop` and `kill`."""

    @property
    def address(self) -> str:
        """Host and port."""
        return self.base_url.removeprefix("kafka://")

    def start(self, timeout: float = 60) -> None:
        super().start(timeout)

    def create_topic(self, name: str, partitions: int = 1) -> None:
        """Make a topic; TopicAlreadyExistsError if there is one already."""

        async def create() -> None:
            admin = AIOKafkaAdminClient(bootstrap_servers=self.address)
            await admin.start()
            try:
                await admin.create_topics([NewTopic(name, partitions, 1)])
            finally:
                await admin.close()

        finished(create)

    def ping(self) -> None:
        async def ask() -> None:
            admin = AIOKafkaAdminClient(bootstrap_servers=self.address, request_timeout_ms=5_000)
            try:
                await admin.start()
                await admin.list_topics()
            finally:
                await admin.close()

        assert self.home
        self.home.knock()
        finished(ask)


def start_kafka_server() -> KafkaServer:
    """Start one; ServerError says why there is none. The first on a machine is fetched, which takes a minute."""
    if problem := maven.problem():
        raise ServerError(problem)
    try:
        classes = f"{maven.libraries(_FOLDER)}/*"
    except maven.MavenError as error:
        raise ServerError(str(error)) from None
    home = Home.new("kafka")
    configuration = home.directory / "server.properties"
    configuration.write_text(_configuration(home))
    server = KafkaServer(
        "kafka", f"kafka://{HOST}:{home.port}", home, [*_JAVA, "-cp", classes, "kafka.Kafka", str(configuration)]
    )
    try:
        _format(home, classes, configuration)
        server.start()
    except BaseException:
        server.close()
        raise
    return server


def _format(home: Home, classes: str, configuration: Path) -> None:
    tool = [*_JAVA, "-cp", classes, "kafka.tools.StorageTool"]
    run = home.spawn([*tool, "format", "--cluster-id", "ZXZlbnRpZGUtbm90aWZ5LQ", "--config", str(configuration)])
    if run.wait(60):
        raise ServerError(f"Kafka's storage tool ended with code {run.returncode}:\n{home.log_tail()}")


def _configuration(home: Home) -> str:
    own, controller = f"{HOST}:{home.port}", f"{HOST}:{home.another_port()}"
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{controller}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "listeners": f"PLAINTEXT://{own},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{own}",
        "log.dirs": home.data,
        # There is one node, and the groups are small.
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
        "message.max.bytes": 8_000_000,
        # Consumers may ask for less than Kafka's six seconds, after which one is taken for dead.
        "group.min.session.timeout.ms": 1000,
        # One that was killed may come back so many milliseconds later.
        "broker.session.timeout.ms": 2000,
        "broker.heartbeat.interval.ms": 500,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())

"""The whole system on one machine: Kafka (embedded or already running), Redis and the services."""

import asyncio
import ssl
import sys
import urllib.request
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

import redis
from kafka.errors import KafkaError

from deploy.addresses import Addresses
from deploy.embedded import ServerCommand, broker_command, redis_command
from deploy.kafka.readiness import check_open
from deploy.local_authority import ServerCertificate
from deploy.local_store import LocalStore
from deploy.ports import free_port
from deploy.processes import ProcessGroup, Program
from deploy.topics import affordable_replication, check_kafka, create_topics
from har.process.kafka_connection import KafkaConnection

START_SECONDS = 60.0
GATEWAY, DASHBOARD = "gateway", "dashboard"
#: Partitions of new topics: more than processors, so that processors can be added.
PARTITIONS = 4
#: Interval between commits of the archiver, s; short, so that a labelled minute can be trained on at once.
ARCHIVE_SECONDS = 10.0
#: Wait of a fetch, ms; the embedded broker checks for new messages only twice within it.
FETCH_WAIT_MS = 50


def har(*words: str) -> list[str]:
    """Return the command line that runs a `har` command with this interpreter."""
    return [sys.executable, "-m", "deploy", *words]


@dataclass(frozen=True)
class LocalNetwork:
    """How phones on the LAN reach the gateway.

    Attributes
    ----------
    url : str
        URL of the gateway for phones.
    certificate : ServerCertificate
        The certificate that the gateway presents.
    registry : str
        Database URL of the device registry.
    """

    url: str
    certificate: ServerCertificate
    registry: str

    @property
    def gateway_options(self) -> tuple[str, ...]:
        """Options of the gateway; its token comes from the environment."""
        made = self.certificate
        return (
            *("--host", "0.0.0.0", "--registry", self.registry, "--public-url", self.url),
            *("--tls-certificate", str(made.certificate), "--tls-key", str(made.key)),
            *("--local-authority", str(made.authority)),
        )


@dataclass
class Stack:
    """A system and how to start its parts.

    Parameters
    ----------
    addresses : Addresses
        Addresses of all parts.
    folder : Path
        Folder for the parts' files.
    group : ProcessGroup
        The group that runs the programs.
    release : str
        The release of the processors; with a store, its first stable release.
    partitions : int
        Partitions of topics that do not exist yet; they get one replica per broker, at most three.
    processor_options : tuple of str
        Further options of each processor.
    store : LocalStore or None
        The store to create and serve, from which the processors get their releases; None for none.
    network : LocalNetwork or None
        How phones on the LAN reach the gateway; if None, only programs on this machine reach it.
    gateway_options : tuple of str
        Further options of the gateway.
    archive : str or None
        Folder or URL of the archive; None for none.
    services : collection of str
        Which of the gateway and the dashboard run; a processor always runs.
    """

    addresses: Addresses
    folder: Path
    group: ProcessGroup
    release: str = "baseline"
    partitions: int = PARTITIONS
    processor_options: tuple[str, ...] = ()
    store: LocalStore | None = None
    network: LocalNetwork | None = None
    gateway_options: tuple[str, ...] = ()
    archive: str | None = None
    services: Collection[str] = (GATEWAY, DASHBOARD)
    programs: dict[str, Program] = field(default_factory=dict)

    async def start(self) -> None:
        """Start everything, each part when the parts that it needs are ready."""
        store_made = asyncio.create_task(self._make_store())
        await self.start_servers()
        await asyncio.gather(store_made, *([self.start_gateway()] if GATEWAY in self.services else []))
        if self.store is not None:
            await self.start_store()
        await asyncio.gather(
            self.start_processor(),
            *([self.start_dashboard()] if DASHBOARD in self.services else []),
            *([self.start_archiver()] if self.archive else []),
        )

    async def start_servers(self) -> None:
        """Start Redis, and Kafka unless it runs already, and create the topics."""
        await asyncio.gather(self._start_kafka(), self.start_redis())

    async def start_redis(self) -> None:
        """Start Redis."""
        at = self.addresses
        program = await self._start_server(redis_command(at.redis, self.folder))
        await self.group.wait_until(program, partial(_retry, partial(_check_redis, at.redis_url)), START_SECONDS)

    async def _start_kafka(self) -> None:
        at = self.addresses
        if at.embedded_kafka is not None:
            kafka = await self._start_server(broker_command(at.embedded_kafka))
            await self.group.wait_until(kafka, partial(_retry, partial(_check_broker, at.kafka)), START_SECONDS)
        replication = await asyncio.to_thread(affordable_replication, at.kafka)
        await asyncio.to_thread(create_topics, at.kafka, partitions=self.partitions, replication=replication)

    async def _make_store(self) -> None:
        if self.store is not None:
            await asyncio.to_thread(self.store.make, self.release)

    async def start_store(self) -> None:
        """Start the server of the store."""
        at = self.addresses
        assert self.store is not None
        words = (
            *("store", "serve", "--store", self.store.url, "--online-keys", str(self.store.online_keys)),
            *("--uploads", str(self.folder / "uploads"), "--port", str(at.store)),
            *("--bootstrap", at.kafka.bootstrap, "--redis-url", at.redis_url),
            *self.store.options,
        )
        await self._start_service("store", words, f"{at.store_url}/releases/current")

    async def start_gateway(self) -> None:
        """Start the gateway."""
        at = self.addresses
        words = (
            *("gateway", "--bootstrap", at.kafka.bootstrap, "--port", str(at.gateway), "--redis-url", at.redis_url),
            *self._release_options(),
            *(() if self.network is None else self.network.gateway_options),
            *self.gateway_options,
        )
        trust = None if self.network is None else self.network.certificate.authority
        await self._start_service(GATEWAY, words, f"{at.gateway_origin(self.network is not None)}/healthz", trust)

    async def start_processor(self, number: int = 1) -> None:
        """Start a processor; further ones share the partitions, and have their pages on other ports."""
        at = self.addresses
        name = "processor" if number == 1 else f"processor-{number}"
        page = at.processor_page if number == 1 else free_port()
        words = (
            *("processor", "--bootstrap", at.kafka.bootstrap, "--redis-url", at.redis_url, "--release", self.release),
            *("--web-port", str(page), "--data-folder", str(self.folder / name)),
            *(("--fetch-wait-ms", str(FETCH_WAIT_MS)) if at.embedded_kafka is not None else ()),
            *self._release_options(),
            *self.processor_options,
        )
        await self._start_service(name, words, f"http://127.0.0.1:{page}/ready")

    def _release_options(self) -> tuple[str, ...]:
        if self.store is None:
            return ()
        return ("--store-url", self.addresses.store_url, "--trusted-root", str(self.store.trusted_root))

    async def start_dashboard(self) -> None:
        """Start the dashboard."""
        at = self.addresses
        words = (
            *("dashboard", "--redis-url", at.redis_url, "--port", str(at.dashboard)),
            *("--gateway-url", at.gateway_origin(self.network is not None)),
        )
        await self._start_service(DASHBOARD, words, f"{at.dashboard_url}healthz")

    async def _start_server(self, server: ServerCommand) -> Program:
        program = await self.group.start(server.name, server.arguments, quiet=True)
        self.programs[server.name] = program
        return program

    async def start_archiver(self) -> None:
        """Start the archiver."""
        assert self.archive is not None
        page = free_port()
        words = (
            *("archive", "run", "--archive", self.archive, "--bootstrap", self.addresses.kafka.bootstrap),
            *("--metrics-port", str(page), "--flush-seconds", f"{ARCHIVE_SECONDS:g}"),
        )
        await self._start_service("archiver", words, f"http://127.0.0.1:{page}/metrics")

    async def _start_service(self, name: str, words: tuple[str, ...], health: str, trust: Path | None = None) -> None:
        program = await self.group.start(name, har(*words))
        self.programs[name] = program
        await self.group.wait_until(program, partial(wait_for_page, health, trust), START_SECONDS)
        self.group.supervise(program)


async def wait_for_page(url: str, trust: Path | None = None) -> None:
    """Wait until a page returns status 200."""
    await _retry(partial(fetch_page, url, trust=trust))


async def _retry(check: Callable[[], object]) -> None:
    """Call `check` until it does not raise: only asking shows when another program listens."""
    while True:
        try:
            await asyncio.to_thread(check)
        except (OSError, KafkaError, redis.RedisError):
            await asyncio.sleep(0.05)
        else:
            return


@cache
def _opener(trust: Path | None) -> urllib.request.OpenerDirector:
    # An SSL context reads all of the system's certificates, and pages are requested again and again.
    direct = urllib.request.ProxyHandler({})
    if trust is None:
        return urllib.request.build_opener(direct)
    return urllib.request.build_opener(
        direct, urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=trust))
    )


def fetch_page(url: str, *, trust: Path | None = None) -> bytes:
    """Return a page of a service on loopback, without the proxy of the environment.

    Parameters
    ----------
    trust : Path, optional
        Certificate of the authority that issued the service's certificate.

    Raises
    ------
    OSError
        If the service does not answer, or the status is not a success.
    """
    with _opener(trust).open(url, timeout=5) as answer:
        page: bytes = answer.read()
    return page


def _check_broker(kafka: KafkaConnection) -> None:
    check_open(kafka.bootstrap)
    check_kafka(kafka)


def _check_redis(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.ping()

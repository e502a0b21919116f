"""The whole system on one machine: Kafka (embedded, or one that runs already), Redis and the services."""

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

from deploy.embedded import ServerCommand, broker_command, redis_command
from deploy.local_authority import ServerCertificate
from deploy.local_store import LocalStore
from deploy.ports import free_port
from deploy.processes import ProcessGroup, Program
from deploy.topics import affordable_replication, check_kafka, create_topics

START_SECONDS = 60.0
GATEWAY, DASHBOARD = "gateway", "dashboard"
#: More partitions than processors, so that processors can be added.
PARTITIONS = 4
#: Who labels a minute and trains on it does not want to wait for another.
ARCHIVE_SECONDS = 10.0
#: The embedded broker looks for news only twice within a fetch's wait.
FETCH_WAIT_MS = 50


@dataclass
class Addresses:
    """Where the parts of a running stack are.

    Attributes
    ----------
    bootstrap : str
        Kafka's servers, host:port,host:port.
    embedded_kafka : int or None
        Port of the embedded broker, or None if a Kafka that runs already is used.
    redis, gateway, dashboard, processor_page, store : int
        Loopback ports.
    """

    bootstrap: str
    embedded_kafka: int | None
    redis: int
    gateway: int
    dashboard: int
    processor_page: int
    store: int

    @property
    def store_url(self) -> str:
        """Where releases come from, if there is a store."""
        return f"http://127.0.0.1:{self.store}"

    @property
    def redis_url(self) -> str:
        """Redis's URL."""
        return f"redis://127.0.0.1:{self.redis}/0"

    @property
    def gateway_url(self) -> str:
        """Where phones stream to, on a gateway for this machine alone."""
        return f"ws://127.0.0.1:{self.gateway}/v1/samples"

    def gateway_origin(self, encrypted: bool) -> str:
        """Return where the gateway's pages are."""
        return f"{'https' if encrypted else 'http'}://127.0.0.1:{self.gateway}"

    @property
    def dashboard_url(self) -> str:
        """The live page."""
        return f"http://127.0.0.1:{self.dashboard}/"


def choose_addresses(
    gateway: int | None = None, dashboard: int | None = None, *, bootstrap: str | None = None
) -> Addresses:
    """Find free loopback ports; `gateway` and `dashboard` are taken if they are free.

    Parameters
    ----------
    gateway, dashboard : int, optional
        Preferred ports.
    bootstrap : str, optional
        A Kafka that runs already; without it, a port for an embedded one is found.
    """
    taken: set[int] = set()
    chosen_gateway = free_port(gateway, taken=taken)
    chosen_dashboard = free_port(dashboard, taken=taken)
    kafka = None if bootstrap else free_port(taken=taken)
    return Addresses(
        bootstrap=bootstrap or f"127.0.0.1:{kafka}",
        embedded_kafka=kafka,
        redis=free_port(taken=taken),
        gateway=chosen_gateway,
        dashboard=chosen_dashboard,
        processor_page=free_port(taken=taken),
        store=free_port(taken=taken),
    )


def har(*words: str) -> list[str]:
    """Return the command line of a `har` command run by this interpreter."""
    return [sys.executable, "-m", "deploy", *words]


@dataclass(frozen=True)
class LocalNetwork:
    """How phones of the local network reach the gateway.

    Attributes
    ----------
    url : str
        Where, as phones see it.
    certificate : ServerCertificate
        What the gateway shows them.
    registry : str
        Where the devices are that may send.
    """

    url: str
    certificate: ServerCertificate
    registry: str

    @property
    def gateway_options(self) -> tuple[str, ...]:
        """Options of the gateway; its token comes by the environment."""
        made = self.certificate
        return (
            *("--host", "0.0.0.0", "--registry", self.registry, "--public-url", self.url),
            *("--tls-certificate", str(made.certificate), "--tls-key", str(made.key)),
            *("--local-authority", str(made.authority)),
        )


@dataclass
class Stack:
    """A running system.

    Parameters
    ----------
    addresses : Addresses
        Where to listen.
    folder : Path
        For the parts' own files.
    group : ProcessGroup
        What the programs are started in.
    release : str
        What the processor serves; with a store, what is stable there at first.
    partitions : int
        Of the topics that Kafka does not have yet; they get as many replicas as it has brokers, at most three.
    processor_options : tuple of str
        Further options of each processor.
    store : LocalStore or None
        From which the processors get their releases; it is made and served.
    network : LocalNetwork or None
        Lets phones of the local network in; without it only this machine's programs reach the gateway.
    gateway_options : tuple of str
        Further options of the gateway.
    archive : str or None
        Where what is collected is kept, if it is.
    services : collection of str
        Which of the gateway and the dashboard run; a processor always does.
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
        """Start everything, each part once what it needs is ready."""
        making = asyncio.create_task(self._make_store())
        await self.start_servers()
        await asyncio.gather(making, *([self.start_gateway()] if GATEWAY in self.services else []))
        if self.store is not None:
            await self.start_store()
        await asyncio.gather(
            self.start_processor(),
            *([self.start_dashboard()] if DASHBOARD in self.services else []),
            *([self.start_archiver()] if self.archive else []),
        )

    async def start_servers(self) -> None:
        """Start Kafka, unless it runs already, and Redis, and create the topics."""
        await asyncio.gather(self._start_kafka(), self.start_redis())

    async def start_redis(self) -> None:
        """Start Redis."""
        at = self.addresses
        program = await self._start_server(redis_command(at.redis, self.folder))
        await self.group.wait_until(program, partial(_retry, _check_redis, at.redis_url), START_SECONDS)

    async def _start_kafka(self) -> None:
        at = self.addresses
        if at.embedded_kafka is not None:
            kafka = await self._start_server(broker_command(at.embedded_kafka))
            await self.group.wait_until(kafka, partial(_retry, check_kafka, at.bootstrap), START_SECONDS)
        replication = await asyncio.to_thread(affordable_replication, at.bootstrap)
        await asyncio.to_thread(create_topics, at.bootstrap, partitions=self.partitions, replication=replication)

    async def _make_store(self) -> None:
        if self.store is not None:
            await asyncio.to_thread(self.store.make, self.release)

    async def start_store(self) -> None:
        """Serve the store of releases."""
        at = self.addresses
        assert self.store is not None
        words = (
            *("store", "serve", "--store", self.store.url, "--online-keys", str(self.store.online_keys)),
            *("--uploads", str(self.folder / "uploads"), "--port", str(at.store)),
            *("--bootstrap", at.bootstrap, "--redis-url", at.redis_url),
            *self.store.options,
        )
        await self._start_service("store", words, f"{at.store_url}/releases/current")

    async def start_gateway(self) -> None:
        """Start the gateway."""
        at = self.addresses
        words = (
            *("gateway", "--bootstrap", at.bootstrap, "--port", str(at.gateway), "--redis-url", at.redis_url),
            *self._release_options(),
            *(() if self.network is None else self.network.gateway_options),
            *self.gateway_options,
        )
        trust = None if self.network is None else self.network.certificate.authority
        await self._start_service(GATEWAY, words, f"{at.gateway_origin(self.network is not None)}/healthz", trust)

    async def start_processor(self, number: int = 1) -> None:
        """Start a processor; those beyond the first share its partitions and have a page elsewhere."""
        at = self.addresses
        name = "processor" if number == 1 else f"processor-{number}"
        page = at.processor_page if number == 1 else free_port()
        words = (
            *("processor", "--bootstrap", at.bootstrap, "--redis-url", at.redis_url, "--release", self.release),
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
        """Start keeping what is collected."""
        assert self.archive is not None
        page = free_port()
        words = (
            *("archive", "run", "--archive", self.archive, "--bootstrap", self.addresses.bootstrap),
            *("--metrics-port", str(page), "--flush-seconds", f"{ARCHIVE_SECONDS:g}"),
        )
        await self._start_service("archiver", words, f"http://127.0.0.1:{page}/metrics")

    async def _start_service(self, name: str, words: tuple[str, ...], health: str, trust: Path | None = None) -> None:
        program = await self.group.start(name, har(*words))
        self.programs[name] = program
        await self.group.wait_until(program, partial(wait_for_page, health, trust), START_SECONDS)
        self.group.supervise(program)


async def wait_for_page(url: str, trust: Path | None = None) -> None:
    """Wait until a page answers with status 200."""
    await _retry(partial(fetch_page, trust=trust), url)


async def _retry(check: Callable[[str], object], address: str) -> None:
    """Call `check` until it does not raise: nothing tells when another program listens but asking it."""
    while True:
        try:
            await asyncio.to_thread(check, address)
        except (OSError, KafkaError, redis.RedisError):
            await asyncio.sleep(0.05)
        else:
            return


@cache
def _opener(trust: Path | None) -> urllib.request.OpenerDirector:
    # Making what checks certificates reads all of the system's; pages are asked for again and again.
    direct = urllib.request.ProxyHandler({})
    if trust is None:
        return urllib.request.build_opener(direct)
    return urllib.request.build_opener(
        direct, urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=trust))
    )


def fetch_page(url: str, *, trust: Path | None = None) -> bytes:
    """Return a page of a service on loopback, which is reached directly, whatever proxy the environment names.

    Parameters
    ----------
    trust : Path, optional
        Certificate of the authority that vouches for it.

    Raises
    ------
    OSError
        If it does not answer, or not with success.
    """
    with _opener(trust).open(url, timeout=5) as answer:
        page: bytes = answer.read()
    return page


def _check_redis(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.ping()

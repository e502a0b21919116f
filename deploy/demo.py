"""`har demo`: the whole system with simulated phones, one command, one URL."""

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import tempfile
import time
from pathlib import Path

import msgspec
from kafka.errors import KafkaError

from deploy.addresses import Addresses, choose_addresses
from deploy.audit.prediction_watch import PredictionWatch
from deploy.audit.summary import Summary, describe, expected_windows, summarise
from deploy.audit.topic_reader import PROMPT_FETCH_MS
from deploy.embedded import MissingServerError
from deploy.kafka_environment import kafka_environment
from deploy.local_authority import LocalAuthorityError, certificate_for, fingerprint_of, local_address, private
from deploy.local_store import LocalStore
from deploy.processes import ProcessEndedError, ProcessGroup
from deploy.settings import DemoSettings
from deploy.stack import LocalNetwork, Stack, har
from har.process.clock import now_us
from har.process.ending import INTERRUPTED, NOT_REACHED, NOT_TRIED, REACHED, report_failure
from har.process.log_format import configure_logs
from har.release_documents import ReleaseError
from ingest.devices.errors import RegistryError
from ingest.devices.invitations import printed_code
from ingest.devices.settings import DEFAULT_REGISTRY
from model_store.release_folder import open_release

log = logging.getLogger(__name__)

#: The beginnings of the environment variables of the programs of a demo.
_PREFIXES = ("HAR_ARCHIVE", "HAR_DASHBOARD", "HAR_GATEWAY", "HAR_PROCESSOR", "HAR_SIMULATE", "HAR_STORE")
#: Errors that end a demo with a message instead of a traceback.
_FAILURES = (
    MissingServerError,
    ProcessEndedError,
    KafkaError,
    ReleaseError,
    LocalAuthorityError,
    RegistryError,
    TimeoutError,
    OSError,
)
#: How long to wait for the predictions of the last readings after the phones have stopped, s.
SETTLE_SECONDS = 20.0


class StoppedEarlyError(RuntimeError):
    """A signal ended the demo before it ran, or before its time was over."""


async def run_demo(settings: DemoSettings, folder: Path) -> Summary | None:
    """Run the system until it is stopped or its time is over; write and return a summary if the settings ask for one.

    Raises
    ------
    StoppedEarlyError
        If a signal ended it before it ran, or before its time was over.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    addresses = choose_addresses(settings.gateway_port, settings.dashboard_port, kafka=settings.kafka_if_set)
    network = await asyncio.to_thread(_local_network, settings, addresses)
    variables = {**_secrets(network), **_log_variables(settings), **kafka_environment(addresses.kafka, os.environ)}
    group = ProcessGroup(environment=variables, as_json=settings.log_format == "json")
    watch: PredictionWatch | None = None
    stack = Stack(
        addresses,
        folder,
        group,
        settings.release,
        store=LocalStore(folder / "releases"),
        network=network,
        archive=settings.archive,
    )
    try:
        starting = asyncio.create_task(stack.start())
        if not await _unless_stopped(starting, stop):
            raise StoppedEarlyError("stopped while the system was starting")
        journals = folder / "journals"
        if settings.summary:
            watch = PredictionWatch(addresses.kafka, since_us=now_us(), fetch_wait_ms=PROMPT_FETCH_MS)
            await asyncio.to_thread(watch.start)
        phones = [
            await group.start(f"phone-{number:02}", _phone(settings, addresses, number, journals))
            for number in range(settings.devices)
        ]
        _announce(settings, stack)
        began = time.monotonic()
        ending = asyncio.create_task(group.wait_for_any_end())
        await _unless_stopped(ending, stop, settings.seconds)
        streamed = time.monotonic() - began
        is_early = settings.seconds is not None and stop.is_set()
        await asyncio.gather(*(group.stop(phone) for phone in phones))
        summary = await asyncio.to_thread(_summarise, settings, watch, journals, streamed) if watch else None
        if is_early:
            raise StoppedEarlyError(f"stopped after {streamed:.0f} s of {settings.seconds:g} s")
        return summary
    finally:
        log.info("stopping")
        try:
            if watch is not None:  # before Kafka stops, or it logs that Kafka is away
                await asyncio.to_thread(watch.close)
        finally:
            await group.stop_all()


def run(settings: DemoSettings) -> int:
    """Run the demo; return the exit status."""
    configure_logs("demo", settings)
    if settings.summary is not None and not settings.summary.resolve().parent.is_dir():
        report_failure("har demo", f"the folder for the summary does not exist: {settings.summary.resolve().parent}")
        return NOT_TRIED
    with tempfile.TemporaryDirectory(prefix="har-demo-") as folder:
        try:
            summary = asyncio.run(run_demo(settings, Path(folder)))
        except StoppedEarlyError as error:
            report_failure("har demo", error)
            return INTERRUPTED
        except _FAILURES as error:
            report_failure("har demo", error)
            return NOT_REACHED
    if summary is not None and not summary.windows_classified:
        report_failure("har demo", "no window was classified")
        return NOT_REACHED
    return REACHED


def _phone(settings: DemoSettings, addresses: Addresses, number: int, journals: Path) -> list[str]:
    words = (
        *("simulate", "--devices", "1", "--first", str(number), "--seed", str(settings.seed)),
        *("--gateway", _gateway_url(settings, addresses), "--segment-seconds", str(settings.segment_seconds)),
    )
    return har(*words, *(("--journal", str(journals)) if settings.summary else ()))


def _local_network(settings: DemoSettings, addresses: Addresses) -> LocalNetwork | None:
    if not settings.lan:
        return None
    address = private(settings.lan_address) if settings.lan_address else local_address()
    host = f"[{address}]" if address.version == 6 else str(address)
    made = certificate_for(address, settings.authority)
    return LocalNetwork(f"https://{host}:{addresses.gateway}", made, DEFAULT_REGISTRY)


def _log_variables(settings: DemoSettings) -> dict[str, str]:
    """Return the environment variables with which the programs log like the demo."""
    chosen = {"LOG_LEVEL": settings.log_level, "LOG_FORMAT": settings.log_format}
    variables: dict[str, str] = {f"{prefix}_{name}": value for prefix in _PREFIXES for name, value in chosen.items()}
    if settings.log_level == "info":
        variables["HAR_SIMULATE_LOG_LEVEL"] = "warning"  # a line of each phone would hide the dashboard's address
    return variables


def _secrets(network: LocalNetwork | None) -> dict[str, str]:
    """Return the environment variables with which the programs reach a gateway that requires a token."""
    if network is None:
        return {}
    token = secrets.token_urlsafe(24)
    names = ("HAR_GATEWAY_TOKEN", "HAR_SIMULATE_TOKEN", "HAR_DASHBOARD_GATEWAY_TOKEN")
    return {**dict.fromkeys(names, token), "SSL_CERT_FILE": str(network.certificate.authority.resolve())}


def _gateway_url(settings: DemoSettings, addresses: Addresses) -> str:
    return addresses.gateway_url.replace("ws:", "wss:") if settings.lan else addresses.gateway_url


def _announce(settings: DemoSettings, stack: Stack) -> None:
    addresses, store, network = stack.addresses, stack.store, stack.network
    assert store is not None
    duration = f"for {settings.seconds:g} s" if settings.seconds else "until Ctrl-C"
    streaming = "The system runs"
    if settings.devices:
        streaming = (
            f"{settings.devices} simulated phones stream" if settings.devices > 1 else "1 simulated phone streams"
        )
    phone_page = f"{addresses.gateway_origin(False)}/phone/ (this machine only; use --lan for phones)"
    print(
        f"\n  {streaming} {duration}.\n"
        f"  Dashboard:  {addresses.dashboard_url}\n"
        f"  Phone page: {phone_page if network is None else network.url + '/phone/'}\n"
        f"  Gateway:    {_gateway_url(settings, addresses)}\n"
        f"  Releases:   {addresses.store_url}/docs\n"
        f"  Kafka:      {addresses.kafka}\n"
        f"  Redis:      {addresses.redis_url}\n"
        f"  Commands on this store (har store, personalise, devices forget) need: --store {store.url} "
        f"--online-keys {store.online_keys}\n",
        flush=True,
    )
    if network is not None:
        _announce_network(network)
    if stack.archive is not None:
        print(
            f"  Readings and labels are archived in {stack.archive}: har train --data {stack.archive} …\n", flush=True
        )


def _announce_network(network: LocalNetwork) -> None:
    """Print how to make a phone trust the gateway, and how to enrol it."""
    authority = network.certificate.authority
    print(
        f"  1. Once per phone, trust this machine's certificate authority ({authority}):\n"
        f"     open {network.url}/trust on the phone, accept the warning, and follow the page.\n"
        f"     The SHA-256 fingerprint must be {fingerprint_of(authority)}\n"
        f"{printed_code(network.url + '/trust')}\n"
        "  2. Enrol the phone: “Add a phone” on the dashboard shows a code to scan, and so does\n"
        f"     har devices enrol annas-phone --url {network.url}\n",
        flush=True,
    )


async def _unless_stopped(task: "asyncio.Task[None]", stop: asyncio.Event, seconds: float | None = None) -> bool:
    """Wait for a task; return False if the stop event or the time limit came first.

    Raises
    ------
    Exception
        What the task raised.
    """
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((task, stopping), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            return False
        task.result()
        return True
    finally:
        stopping.cancel()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task


def _summarise(settings: DemoSettings, watch: PredictionWatch, journals: Path, streamed: float) -> Summary:
    expected = expected_windows(journals, open_release(settings.release).manifest.window_spec)
    seen = watch.wait_for(expected.truth, SETTLE_SECONDS)
    summary = summarise(expected, seen)
    print(describe(summary, streamed), flush=True)
    assert settings.summary is not None
    settings.summary.write_bytes(msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n")
    return summary

"""The dashboard's server: one port for the page, the live stream, the commands and the health check."""

import asyncio
import logging
import signal
import socket
from contextlib import ExitStack

import redis.asyncio
import uvicorn
from starlette.types import ASGIApp

from dashboard.access import DashboardAccess
from dashboard.app import create_app
from dashboard.browser_session import Ticker
from dashboard.connections import BrowserConnection, DashboardServer, HttpConnection
from dashboard.gateway_client import GatewayClient
from dashboard.limits import BrowserLimits
from dashboard.live_state import LiveState
from dashboard.live_stream import LiveStream
from dashboard.redis_feed import RedisFeed
from dashboard.settings import DashboardSettings
from dashboard.site import MissingPageFileError, load_site
from har.activity_styles import LABEL_STYLES
from har.process.ending import NOT_REACHED, REACHED, report_failure
from har.process.log_format import configure_logs
from har.process.reachability import fault_of_redis
from har.process.start_line import log_start

logger = logging.getLogger(__name__)

#: Longest message that a browser may send on the live stream. The page sends none.
MAX_INCOMING_BYTES = 1_024
PING_SECONDS = 20.0


async def serve(
    settings: DashboardSettings, *, ready: asyncio.Event | None = None, limits: BrowserLimits | None = None
) -> None:
    """Serve the dashboard until cancelled.

    The dashboard also runs without Redis. The page then shows since when Redis is unavailable, and updates when Redis
    is available again.

    Parameters
    ----------
    settings : DashboardSettings
        The settings.
    ready : asyncio.Event, optional
        Set once browsers can connect.
    limits : BrowserLimits, optional
        Limits of memory and waiting times.

    Raises
    ------
    MissingPageFileError
        If a file of the page is missing, such as the chart library from npm.
    OSError
        If the server cannot bind to the address or read the TLS certificate.
    """
    limits = limits or BrowserLimits()
    gateway = _gateway(settings)
    state = LiveState(settings.history_seconds, limits, labels=LABEL_STYLES if gateway is not None else ())
    ticker = Ticker(state, limits)
    feed = RedisFeed(settings.redis_url, state, max_devices=limits.max_devices)
    live = LiveStream(state, ticker, limits, settings.max_browsers)
    app = create_app(load_site(), _access(settings), state, live, gateway, path_prefix=settings.path_prefix)
    config = _server_config(settings, app)
    sockets = _listen(settings.host, settings.port)

    listening = asyncio.Event()

    def started() -> None:
        listening.set()
        if ready is not None:
            ready.set()

    async def log_when_started() -> None:
        await listening.wait()
        fault = await fault_of_redis(redis.asyncio, settings.redis_url)
        page = {"dashboard": f"{settings.origin(sockets[0].getsockname()[1])}/"}
        log_start(logger, settings, listens=page, connections={"Redis": (settings.redis_url, fault)})

    server = DashboardServer(config, on_started=started, shutdown_seconds=limits.shutdown)
    serving = asyncio.create_task(server.serve(sockets=sockets))
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(feed.run())
            tasks.create_task(ticker.run())
            tasks.create_task(log_when_started())
            await asyncio.shield(serving)
    finally:
        server.should_exit = True
        await serving
        if gateway is not None:
            await gateway.close()


def run(settings: DashboardSettings) -> int:
    """Serve the dashboard until SIGINT or SIGTERM; return the exit status."""
    configure_logs("dashboard", settings)
    try:
        asyncio.run(_serve_until_signalled(settings))
    except (MissingPageFileError, OSError) as error:
        report_failure("har dashboard", error)
        return NOT_REACHED
    return REACHED


async def _serve_until_signalled(settings: DashboardSettings) -> None:
    serving = asyncio.create_task(serve(settings))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, serving.cancel)
    try:
        await serving
    except asyncio.CancelledError:
        logger.info("stopped")


def _access(settings: DashboardSettings) -> DashboardAccess:
    return DashboardAccess(
        settings.token.get_secret_value() if settings.token else None,
        encrypted=settings.tls_certificate is not None or settings.behind_proxy,
        behind_proxy=settings.behind_proxy,
        public_url=settings.public_url,
    )


def _server_config(settings: DashboardSettings, app: ASGIApp) -> uvicorn.Config:
    context = settings.tls_context()
    config = uvicorn.Config(
        app,
        http=HttpConnection,
        ws=BrowserConnection,
        ws_max_size=MAX_INCOMING_BYTES,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        ws_per_message_deflate=False,  # costs more CPU time than its savings are worth in a LAN
        ssl_context_factory=None if context is None else lambda *_: context,
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
    config.load()
    return config


def _gateway(settings: DashboardSettings) -> GatewayClient | None:
    if settings.gateway_url is None:
        return None
    token = settings.gateway_token
    return GatewayClient(settings.gateway_url, token.get_secret_value() if token else None)


def _listen(host: str, port: int) -> list[socket.socket]:
    """Bind to every address of a host.

    uvicorn would exit the process if it could not bind; this raises `OSError` instead.
    """
    candidates = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    with ExitStack() as opened:
        sockets = [
            opened.enter_context(socket.create_server(address, family=family))
            for family, address in dict.fromkeys((family, address) for family, *_, address in candidates)
        ]
        opened.pop_all()
    return sockets

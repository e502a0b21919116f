"""The dashboard's server: one port for the page, its live stream and the health check."""

import asyncio
import logging
import logging.config
import signal
import sys

from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as serve_websockets
from websockets.frames import CloseCode

from dashboard.access import DashboardAccess
from dashboard.browser_session import BrowserSession, Ticker
from dashboard.commands import GatewayCommands
from dashboard.http_requests import COMMANDS_PATH, LIVE_PATH, RequestHandler
from dashboard.limits import BrowserLimits
from dashboard.live_state import LiveState
from dashboard.redis_feed import RedisFeed
from dashboard.settings import DashboardSettings
from dashboard.site import MissingPageFileError, load_site
from har.activities import LABELS
from har.process.log_format import logging_config

logger = logging.getLogger(__name__)

#: The longest message that a browser may send; the page sends none.
MAX_INCOMING_BYTES = 1_024
OPEN_TIMEOUT_SECONDS = 10.0


async def serve(
    settings: DashboardSettings, *, ready: asyncio.Event | None = None, limits: BrowserLimits | None = None
) -> None:
    """Serve the dashboard until cancelled.

    Redis need not be there: the page then says since when it is not, and completes itself when it comes.

    Parameters
    ----------
    settings : DashboardSettings
        Where to listen, where Redis is.
    ready : asyncio.Event, optional
        Set once browsers can connect.
    limits : BrowserLimits, optional
        Bounds of memory and patience.

    Raises
    ------
    MissingPageFileError
        If a file of the page is missing, such as the chart library from npm.
    OSError
        If the address cannot be bound, or a certificate not be read.
    """
    limits = limits or BrowserLimits()
    commands = _commands(settings)
    state = LiveState(settings.history_seconds, limits, labels=LABELS if commands is not None else ())
    ticker = Ticker(state, limits)
    streams = (LIVE_PATH,) if commands is None else (LIVE_PATH, COMMANDS_PATH)
    browsers: dict[str, set[ServerConnection]] = {path: set() for path in streams}

    def has_room(path: str) -> bool:
        return len(browsers[path]) < settings.max_browsers

    async def serve_browser(connection: ServerConnection) -> None:
        path = _path(connection)
        if not has_room(path):  # several handshakes may have found the last place free
            await connection.close(CloseCode.TRY_AGAIN_LATER)
            return
        browsers[path].add(connection)
        try:
            if commands is not None and path == COMMANDS_PATH:
                await commands.serve(connection)
            else:
                await BrowserSession(connection, state, ticker, limits).run()
        finally:
            browsers[path].discard(connection)

    access = DashboardAccess(
        settings.token.get_secret_value() if settings.token else None,
        encrypted=settings.tls_certificate is not None or settings.behind_proxy,
        behind_proxy=settings.behind_proxy,
    )
    server = await serve_websockets(
        serve_browser,
        settings.host,
        settings.port,
        process_request=RequestHandler(load_site(), access, state, has_room, streams),
        ssl=settings.tls_context(),
        compression=None,  # dearer than the bytes it would save on a local network
        max_size=MAX_INCOMING_BYTES,
        max_queue=1,
        open_timeout=OPEN_TIMEOUT_SECONDS,
        close_timeout=limits.shutdown,
        server_header=None,
    )
    try:
        feed = RedisFeed(str(settings.redis_url), state, max_devices=limits.max_devices)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(feed.run())
            tasks.create_task(ticker.run())
            logger.info("The dashboard is at %s", _url(settings, server))
            if ready is not None:
                ready.set()
    finally:
        await _close(server, limits)
        if commands is not None:
            await commands.close()


def run(settings: DashboardSettings) -> int:
    """Serve the dashboard until SIGINT or SIGTERM; return the exit status."""
    logging.config.dictConfig(logging_config("dashboard"))
    logger.info("%s", settings.describe())
    try:
        asyncio.run(_serve_until_signalled(settings))
    except (MissingPageFileError, OSError) as error:
        print(f"har dashboard: {error}", file=sys.stderr)
        return 1
    return 0


async def _serve_until_signalled(settings: DashboardSettings) -> None:
    serving = asyncio.create_task(serve(settings))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, serving.cancel)
    try:
        await serving
    except asyncio.CancelledError:
        logger.info("The dashboard has stopped")


async def _close(server: Server, limits: BrowserLimits) -> None:
    server.close()
    try:
        async with asyncio.timeout(limits.shutdown):
            await server.wait_closed()
    except TimeoutError:
        # Those that take nothing, or have connected and never asked, would be waited for much longer.
        for connection in server.connections:
            connection.transport.abort()
        for task in list(server.handler_tasks):
            task.cancel()
        await server.wait_closed()


def _commands(settings: DashboardSettings) -> GatewayCommands | None:
    if settings.gateway_url is None:
        return None
    token = settings.gateway_token
    return GatewayCommands(settings.gateway_url, token.get_secret_value() if token else None)


def _path(connection: ServerConnection) -> str:
    return "" if connection.request is None else connection.request.path.partition("?")[0]


def _url(settings: DashboardSettings, server: Server) -> str:
    scheme = "http" if settings.tls_certificate is None else "https"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{scheme}://{host}:{server.sockets[0].getsockname()[1]}/"

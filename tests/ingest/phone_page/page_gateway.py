"""A test gateway: serves the phone page, and records what the page sends."""

import asyncio
import secrets
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from deploy.ports import free_port
from har.activity_names import accepted_activity
from har.activity_reports import ActivityReport, decode_report
from har.activity_styles import activity_style
from har.binary_samples import decode_batch
from har.rejections import RejectedMessage
from har.samples import SampleBatch
from ingest.gateway.pages import file_response
from tests.ingest.phone_page.page_files import SECURITY_HEADERS, PageFile, page_files

ACTIVITIES = ("sit", "stand", "walk", "stairsup", "stairsdown", "bike")
CODE = "7KQ2-MX4P"
DEVICE = "annas-phone"
TOKEN_EXPIRED = 4401
REVOKED = 4403


@dataclass
class PageGateway:
    """Runs in its own thread while its context is open. `stop` and `start` simulate an outage.

    Attributes
    ----------
    batches : list of SampleBatch
        Accepted batches in order of arrival, with repeats.
    rejects : callable or None
        Returns the code and detail to reject a batch with, or None to accept it.
    holds : bool
        Whether batches are moved to `held` and not answered.
    classes, own_words : tuple of str
        The classes of the release, none if it is unknown, and the words that the device used before.
    asked : list of str
        Paths of the requested files.
    renewed_before_end : list of float
        Remaining lifetime of the newest token at each request for another one, s.
    """

    enrolment: str = "required"
    store: Path | None = None
    token_seconds: float = 600.0
    batch_milliseconds: int = 500
    clock_offset_us: int = 0
    holds: bool = False
    labels_status: int = 200
    labels_body: dict[str, str] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    own_words: tuple[str, ...] = ()
    rejects: Callable[[SampleBatch], tuple[str, str] | None] | None = None
    revoked: bool = False
    device: str = DEVICE
    extra_files: dict[str, bytes | None] = field(default_factory=dict)
    batches: list[SampleBatch] = field(default_factory=list)
    held: list[SampleBatch] = field(default_factory=list)
    reports: list[ActivityReport] = field(default_factory=list)
    labels: list[dict[str, Any]] = field(default_factory=list)
    tokens: dict[str, float] = field(default_factory=dict)
    token_requests: int = 0
    renewed_before_end: list[float] = field(default_factory=list)
    connections: int = 0
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.port = free_port()
        self.secret = secrets.token_urlsafe(16)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._runner: web.AppRunner | None = None
        self._sockets: set[web.WebSocketResponse] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}/phone/"

    def start(self) -> None:
        self._run(self._start())

    def stop(self) -> None:
        self._run(self._stop())

    def close_connections(self, code: int, reason: str = "") -> None:
        """Close all connections with a close code."""
        self._run(self._close(code, reason))

    def abort_connections(self) -> None:
        """Abort all connections without a close frame, as a lost network does."""
        self._run(self._abort())

    def send(self, message: dict[str, Any]) -> None:
        """Send a message over all connections."""
        self._run(self._send(message))

    def release_held(self) -> None:
        """Discard the held batches and answer new ones. The page must send the held ones again."""
        self.holds = False
        self.held.clear()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_get("/phone/configuration.json", self._configuration)
        app.router.add_get("/phone/store/{path:.*}", self._store_file)
        app.router.add_get("/phone/{path:.*}", self._page_file)
        app.router.add_post("/v1/devices/enrol", self._enrol)
        app.router.add_post("/v1/devices/token", self._token)
        app.router.add_post("/v1/labels", self._label)
        app.router.add_get("/v1/labels/activities", self._label_activities)
        app.router.add_get("/v1/samples", self._samples)
        app.router.add_get("/v1/activities", self._activities)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "localhost", self.port, reuse_address=True).start()

    async def _stop(self) -> None:
        await self._close(WSCloseCode.SERVICE_RESTART, "the gateway stops")
        if self._runner is not None:
            await self._runner.cleanup()
        self._runner = None

    async def _close(self, code: int, reason: str) -> None:
        await asyncio.gather(*(socket.close(code=code, message=reason.encode()) for socket in list(self._sockets)))

    async def _abort(self) -> None:
        for socket in list(self._sockets):
            transport = socket.get_extra_info("socket")
            assert transport is not None
            assert socket._req is not None and socket._req.transport is not None
            socket._req.transport.abort()

    async def _send(self, message: dict[str, Any]) -> None:
        for socket in list(self._sockets):
            await socket.send_json(message)

    # The page's files

    async def _configuration(self, _: web.Request) -> web.Response:
        activities = [activity_style(name) for name in ACTIVITIES]
        return web.json_response(
            {
                "activities": [{"name": each.name, "title": each.title, "colour": each.colour} for each in activities],
                "enrolment": self.enrolment,
                "store": self.store is not None,
                "batch_milliseconds": self.batch_milliseconds,
            }
        )

    async def _page_file(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        name = request.match_info["path"] or "index.html"
        if name in self.extra_files:
            return file_response(request, _other_version(name, self.extra_files[name]))
        return file_response(request, page_files().get(name))

    async def _store_file(self, request: web.Request) -> web.StreamResponse:
        if self.store is None or not (file := self.store / request.match_info["path"]).is_file():
            raise web.HTTPNotFound
        headers = {**SECURITY_HEADERS, "Cache-Control": "no-store"}
        return web.Response(body=file.read_bytes(), content_type="application/octet-stream", headers=headers)

    # Devices

    async def _enrol(self, request: web.Request) -> web.Response:
        document = await request.json()
        if document["code"] != CODE:
            detail = "This code is not known, or was used already. Ask for another."
            return _rejected(403, "unknown_code", detail)
        self.revoked = False
        return web.json_response({"device": self.device, "secret": self.secret, **self._new_token()})

    async def _token(self, request: web.Request) -> web.Response:
        self.token_requests += 1
        self.renewed_before_end.append(max(self.tokens.values(), default=0.0) - time.time())
        document = await request.json()
        if self.revoked or document["secret"] != self.secret:
            return _rejected(403, "revoked", "This phone was revoked.")
        return web.json_response(self._new_token())

    def _new_token(self) -> dict[str, Any]:
        token = secrets.token_urlsafe(24)
        expires = time.time() + self.token_seconds
        self.tokens[token] = expires
        return {"token": token, "expires": int(expires * 1e6)}

    def _is_authorised(self, token: str) -> bool:
        return self.enrolment == "open" or self.tokens.get(token, 0) > time.time()

    # Labels

    async def _label(self, request: web.Request) -> web.Response:
        if not self._is_authorised(request.headers.get("Authorization", "").removeprefix("Bearer ")):
            return _rejected(401, "token", "The token has expired.")
        if self.labels_status != 200:
            return web.json_response({"type": "rejected", **self.labels_body}, status=self.labels_status)
        label = await request.json()
        label["activity"] = accepted_activity(label["activity"])
        self.labels.append(label)
        return web.json_response({"type": "accepted", "label": label})

    async def _label_activities(self, request: web.Request) -> web.Response:
        if not self._is_authorised(request.headers.get("Authorization", "").removeprefix("Bearer ")):
            return _rejected(401, "token", "The token has expired.")
        named = (("activities", self.classes or ACTIVITIES), ("own", self.own_words))
        styles = {
            name: [msgspec.structs.asdict(activity_style(activity)) for activity in found] for name, found in named
        }
        return web.json_response({"release": "r1" if self.classes else None, **styles})

    # Streams

    async def _samples(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, self._receive_batch)

    async def _activities(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, self._receive_report)

    async def _serve(
        self, request: web.Request, receive: Callable[[bytes], dict[str, Any] | None]
    ) -> web.WebSocketResponse:
        offered = [each.strip() for each in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
        assert offered[0] == "har.v1"
        assert (len(offered) == 1) == (self.enrolment == "open"), (
            "the page sends a token only to a gateway that requires one"
        )
        token = offered[-1].removeprefix("bearer.")
        socket = web.WebSocketResponse(protocols=("har.v1",))
        await socket.prepare(request)
        self.connections += 1
        if self.revoked or not self._is_authorised(token):
            code = REVOKED if self.revoked else TOKEN_EXPIRED
            await socket.close(code=code, message=b"This phone was revoked." if self.revoked else b"expired")
            return socket
        self._sockets.add(socket)
        try:
            async for message in socket:
                document = message.json() if message.type is WSMsgType.TEXT else None
                if document is not None and document.get("type") == "clock":
                    now = time.time_ns() // 1000 + self.clock_offset_us
                    await socket.send_json({"type": "clock", "sent": document["sent"], "received": now})
                    continue
                answer = receive(message.data.encode() if document is not None else message.data)
                if answer is not None:
                    await socket.send_json(answer)
        except ConnectionError:
            pass  # the page was closed during an answer
        finally:
            self._sockets.discard(socket)
        return socket

    def _receive_batch(self, message: bytes) -> dict[str, Any] | None:
        try:
            batch = decode_batch(message)
        except RejectedMessage as error:
            return {"type": "rejected", "code": error.code, "detail": error.detail, "session": None, "sequence": None}
        named = {"session": batch.session, "sequence": batch.sequence}
        if self.holds:
            self.held.append(batch)
            return None
        rejection = self.rejects(batch) if self.rejects is not None else None
        if rejection is not None:
            return {"type": "rejected", "code": rejection[0], "detail": rejection[1], **named}
        self.batches.append(batch)
        return {"type": "accepted", **named}

    def _receive_report(self, message: bytes) -> dict[str, Any] | None:
        report = decode_report(message)
        self.reports.append(report)
        return {"type": "accepted", "session": report.session, "sequence": report.sequence}


def _rejected(status: int, code: str, detail: str) -> web.Response:
    return web.json_response({"type": "rejected", "code": code, "detail": detail}, status=status)


def _other_version(name: str, content: bytes | None) -> PageFile | None:
    if content is None:
        return None
    return replace(page_files()[name], body=content)

"""Labels and invitations by HTTP: what reaches the gateway, what comes back, and who is rejected."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from aiohttp import ClientSession, web

from deploy.ports import free_port
from tests.dashboard.dashboard_feeding import live_client

pytestmark = pytest.mark.redis

RunDashboard = Callable[..., AbstractAsyncContextManager[int]]
LABEL = {"device": "phone-1", "session": "s1", "start": 1_790_000_000_000_000, "activity": "walk", "said_at": 1}
ACCEPTED = {"type": "accepted", "label": {**LABEL, "end": None, "user": None}}


class FakeGateway:
    """A gateway that notes what it is asked, and answers what a test gives."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None, Any]] = []
        self.answer: Callable[[], web.Response] = lambda: web.json_response(ACCEPTED)
        self.url = ""
        self.is_silent = False

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, request.headers.get("Authorization"), await request.json()))
        if self.is_silent:
            await asyncio.sleep(60)
        return self.answer()


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    fake = FakeGateway()
    app = web.Application()
    app.router.add_post("/{path:.*}", fake.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    fake.url = f"http://127.0.0.1:{port}"
    yield fake
    await runner.cleanup()


async def post(
    port: int, path: str, body: Any, headers: dict[str, str] | None = None
) -> tuple[int, Any, dict[str, str]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    chosen = {"Content-Type": "application/json", "Origin": f"http://127.0.0.1:{port}", **(headers or {})}
    async with (
        ClientSession() as session,
        session.post(f"http://127.0.0.1:{port}{path}", data=data, headers=chosen) as response,
    ):
        return response.status, await response.json(), dict(response.headers)


async def test_the_gateway_gets_what_a_browser_asks_for(run_dashboard: RunDashboard, gateway: FakeGateway) -> None:
    async with run_dashboard(gateway_url=gateway.url, gateway_token="operator") as port:
        status, answer, headers = await post(port, "/v1/labels", {**LABEL, "end": LABEL["start"], "user": None})
        assert (status, answer) == (200, ACCEPTED)
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        await post(port, "/v1/labels/now", {"device": "phone-1", "activity": "sit"})
        await post(port, "/v1/devices", {"name": "new"})
        async with live_client(port) as client:
            view = await client.until(lambda view: view.snapshots == 1)
            assert view.status["labels"], "the page offers labels"
    assert gateway.asked == [
        ("/v1/labels", "Bearer operator", {**LABEL, "end": LABEL["start"]}),
        ("/v1/labels/now", "Bearer operator", {"device": "phone-1", "activity": "sit"}),
        ("/v1/devices", "Bearer operator", {"name": "new"}),
    ]


@pytest.mark.parametrize("status", [400, 401, 409, 429, 503])
async def test_an_error_of_the_gateway_is_passed_on(
    run_dashboard: RunDashboard, gateway: FakeGateway, status: int
) -> None:
    error = {"type": "rejected", "code": "silent", "detail": "phone-1 sends nothing"}
    gateway.answer = lambda: web.json_response(error, status=status)
    async with run_dashboard(gateway_url=gateway.url) as port:
        got = await post(port, "/v1/labels/now", {"device": "phone-1", "activity": "sit"})
    assert got[:2] == (status, error)
    assert gateway.asked[0][1] is None


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(body=b"not JSON"),
        lambda: web.Response(body=b"1" * 300_000),
        lambda: web.Response(status=302, headers={"Location": "/v1/devices"}),
        lambda: web.Response(status=204),
    ],
)
async def test_what_is_no_answer_of_a_gateway_is_reported_as_such(
    run_dashboard: RunDashboard, gateway: FakeGateway, answer: Callable[[], web.Response]
) -> None:
    gateway.answer = answer
    async with run_dashboard(gateway_url=gateway.url) as port:
        status, body, _ = await post(port, "/v1/devices", {"name": "new"})
    assert (status, body["detail"].startswith("The gateway cannot be reached")) == (502, True)
    assert len(gateway.asked) == 1


async def test_a_gateway_that_is_away_is_reported(
    run_dashboard: RunDashboard, caplog: pytest.LogCaptureFixture
) -> None:
    async with run_dashboard(gateway_url=f"http://127.0.0.1:{free_port()}") as port:
        status, body, _ = await post(port, "/v1/devices", {"name": "new"})
    assert (status, body) == (502, {"detail": "The gateway cannot be reached (ClientConnectorError). Try again."})
    assert "did not answer /v1/devices" in caplog.text


FOREIGN = "http://evil.example"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Origin": FOREIGN}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": ""}, 415),
        ({"Host": "rebound.example"}, 421),
        ({"Sec-Fetch-Site": "same-origin", "Content-Type": "application/json; charset=utf-8"}, 200),
    ],
)
async def test_a_foreign_page_changes_nothing(
    run_dashboard: RunDashboard, gateway: FakeGateway, headers: dict[str, str], expected: int
) -> None:
    async with run_dashboard(gateway_url=gateway.url) as port:
        status, body, answered = await post(port, "/v1/devices", {"name": "new"}, headers)
    assert status == expected
    assert len(gateway.asked) == (expected == 200)
    assert expected == 200 or isinstance(body["detail"], str)
    assert not any(name.lower().startswith("access-control") for name in answered)


async def test_a_program_without_an_origin_may_label(run_dashboard: RunDashboard, gateway: FakeGateway) -> None:
    async with (
        run_dashboard(gateway_url=gateway.url) as port,
        ClientSession() as session,
        session.post(f"http://127.0.0.1:{port}/v1/labels", json=LABEL) as response,
    ):
        assert response.status == 200


@pytest.mark.parametrize(
    ("body", "expected", "text"),
    [
        (b"{", 422, "JSON"),
        (b"\xff", 400, "body"),
        (b"[" * 1_024, 400, "body"),
        (b"", 422, "body"),
        ({"name": 5}, 422, "name"),
        ({"name": "x", "other": 1}, 422, "other"),
        ({}, 422, "name"),
        ({"name": "x" * 1_024}, 413, "1,024 bytes"),
    ],
)
async def test_a_document_that_is_none_is_rejected_in_words(
    run_dashboard: RunDashboard, gateway: FakeGateway, body: Any, expected: int, text: str
) -> None:
    async with run_dashboard(gateway_url=gateway.url) as port:
        status, answer, _ = await post(port, "/v1/devices", body)
    assert status == expected
    assert text in answer["detail"]
    assert gateway.asked == []


async def test_a_body_of_unknown_length_is_rejected(run_dashboard: RunDashboard, gateway: FakeGateway) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 100
            await asyncio.sleep(0.01)

    async with run_dashboard(gateway_url=gateway.url) as port, ClientSession() as session:
        headers = {"Content-Type": "application/json"}
        url = f"http://127.0.0.1:{port}/v1/devices"
        async with asyncio.timeout(10), session.post(url, data=endless(), headers=headers) as response:
            assert response.status == 411


async def test_labels_need_the_token(run_dashboard: RunDashboard, gateway: FakeGateway) -> None:
    settings = {"host": "0.0.0.0", "token": "a long secret", "behind_proxy": True, "gateway_url": gateway.url}
    async with run_dashboard(**settings) as port:
        status, body, headers = await post(port, "/v1/labels", LABEL)
        assert (status, "token" in body["detail"]) == (401, True)
        assert headers["WWW-Authenticate"].startswith("Basic")
        status, _, _ = await post(port, "/v1/labels", LABEL, {"Authorization": "Bearer a long secret"})
        assert status == 200
    assert len(gateway.asked) == 1


async def test_without_a_gateway_nothing_can_be_changed(run_dashboard: RunDashboard) -> None:
    async with run_dashboard() as port:
        status, body, _ = await post(port, "/v1/labels", LABEL)
        assert (status, "--gateway-url" in body["detail"]) == (403, True)
        async with live_client(port) as client:
            view = await client.until(lambda view: view.snapshots == 1)
            assert view.status["labels"] == []


async def test_the_api_is_described_without_other_sites(run_dashboard: RunDashboard) -> None:
    async with run_dashboard() as port, ClientSession(f"http://127.0.0.1:{port}") as session:
        async with session.get("/openapi.json") as response:
            paths = (await response.json())["paths"]
        assert {path: list(operations) for path, operations in paths.items()} == {
            "/healthz": ["get"],
            "/v1/labels": ["post"],
            "/v1/labels/now": ["post"],
            "/v1/devices": ["post"],
        }
        assert set(paths["/v1/labels"]["post"]["responses"]) >= {"200", "4XX", "5XX"}
        async with session.get("/docs") as response:
            page = await response.text()
            assert "https://" not in page
            assert "https:" not in response.headers["Content-Security-Policy"]
        async with session.get("/static-offline-docs/swagger-ui-bundle.js") as response:
            assert response.status == 200


async def test_stops_at_once_although_a_label_waits_for_the_gateway(
    run_dashboard: RunDashboard, gateway: FakeGateway, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.is_silent = True
    async with run_dashboard(gateway_url=gateway.url) as port:
        asking = asyncio.create_task(post(port, "/v1/labels", LABEL))
        async with asyncio.timeout(10):
            while not gateway.asked:
                await asyncio.sleep(0.01)
        started = time.monotonic()
    assert time.monotonic() - started < 3
    await asyncio.wait([asking])
    assert asking.exception() is not None
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []

"""Labels and invitations over HTTP: requests to the gateway, its answers, and rejected requests."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import ClientSession, web

from deploy.ports import free_port
from tests.dashboard.conftest import RunDashboard
from tests.dashboard.dashboard_feeding import live_client

pytestmark = pytest.mark.redis

LABEL = {"device": "phone-1", "session": "s1", "start": 1_790_000_000_000_000, "activity": "walk", "said_at": 1}
ACCEPTED = {"type": "accepted", "label": {**LABEL, "end": None, "user": None}}


class FakeGateway:
    """A gateway that records its requests and returns the answer that a test sets."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str | None, Any]] = []
        self.answer: Callable[[], web.Response] = lambda: web.json_response(ACCEPTED)
        self.url = ""
        self.is_silent = False

    async def handle(self, request: web.Request) -> web.Response:
        document = dict(request.query) if request.method == "GET" else await request.json()
        self.requests.append((request.path, request.headers.get("Authorization"), document))
        if self.is_silent:
            await asyncio.sleep(60)
        return self.answer()


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    fake = FakeGateway()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.handle)
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
    all_headers = {"Content-Type": "application/json", "Origin": f"http://127.0.0.1:{port}", **(headers or {})}
    async with (
        ClientSession() as session,
        session.post(f"http://127.0.0.1:{port}{path}", data=data, headers=all_headers) as response,
    ):
        return response.status, await response.json(), dict(response.headers)


async def test_requests_are_forwarded_to_the_gateway(run_dashboard: RunDashboard, gateway: FakeGateway) -> None:
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
    assert gateway.requests == [
        ("/v1/labels", "Bearer operator", {**LABEL, "end": LABEL["start"]}),
        ("/v1/labels/now", "Bearer operator", {"device": "phone-1", "activity": "sit"}),
        ("/v1/devices", "Bearer operator", {"name": "new"}),
    ]


async def test_the_activities_of_a_device_are_read_from_the_gateway(
    run_dashboard: RunDashboard, gateway: FakeGateway
) -> None:
    found = {"type": "activities", "release": "r1", "activities": [], "own": []}
    gateway.answer = lambda: web.json_response(found)
    async with run_dashboard(gateway_url=gateway.url, gateway_token="operator") as port, ClientSession() as session:
        url = f"http://127.0.0.1:{port}/v1/labels/activities"
        async with session.get(url, params={"device": "phone 1&x"}) as response:
            assert (response.status, await response.json()) == (200, found)
        async with session.get(url) as response:
            assert (response.status, "device" in (await response.json())["detail"]) == (422, True)
        async with session.get(url, headers={"Host": "rebound.example"}) as response:
            assert response.status == 421
        async with session.get(f"http://127.0.0.1:{port}/v1/labels") as response:
            assert response.status == 405
    assert gateway.requests == [("/v1/labels/activities", "Bearer operator", {"device": "phone 1&x"})]


@pytest.mark.parametrize("status", [400, 401, 409, 429, 503])
async def test_errors_of_the_gateway_are_returned(
    run_dashboard: RunDashboard, gateway: FakeGateway, status: int
) -> None:
    error = {"type": "rejected", "code": "silent", "detail": "phone-1 sends nothing"}
    gateway.answer = lambda: web.json_response(error, status=status)
    async with run_dashboard(gateway_url=gateway.url) as port:
        response = await post(port, "/v1/labels/now", {"device": "phone-1", "activity": "sit"})
    assert response[:2] == (status, error)
    assert gateway.requests[0][1] is None


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(body=b"not JSON"),
        lambda: web.Response(body=b"1" * 300_000),
        lambda: web.Response(status=302, headers={"Location": "/v1/devices"}),
        lambda: web.Response(status=204),
    ],
)
async def test_an_invalid_answer_of_the_gateway_is_reported(
    run_dashboard: RunDashboard, gateway: FakeGateway, answer: Callable[[], web.Response]
) -> None:
    gateway.answer = answer
    async with run_dashboard(gateway_url=gateway.url) as port:
        status, body, _ = await post(port, "/v1/devices", {"name": "new"})
    assert (status, body["detail"].startswith("No valid answer from the gateway")) == (502, True)
    assert len(gateway.requests) == 1


async def test_an_unreachable_gateway_is_reported(
    run_dashboard: RunDashboard, caplog: pytest.LogCaptureFixture
) -> None:
    async with run_dashboard(gateway_url=f"http://127.0.0.1:{free_port()}") as port:
        status, body, _ = await post(port, "/v1/devices", {"name": "new"})
    assert (status, body) == (502, {"detail": "No valid answer from the gateway (ClientConnectorError). Try again."})
    assert "to /v1/devices: " in caplog.text


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
async def test_requests_of_foreign_pages_are_rejected(
    run_dashboard: RunDashboard, gateway: FakeGateway, headers: dict[str, str], expected: int
) -> None:
    async with run_dashboard(gateway_url=gateway.url) as port:
        status, body, response_headers = await post(port, "/v1/devices", {"name": "new"}, headers)
    assert status == expected
    assert len(gateway.requests) == (expected == 200)
    assert expected == 200 or isinstance(body["detail"], str)
    assert not any(name.lower().startswith("access-control") for name in response_headers)


async def test_a_client_without_an_origin_may_label(run_dashboard: RunDashboard, gateway: FakeGateway) -> None:
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
async def test_an_invalid_document_is_rejected_with_a_reason(
    run_dashboard: RunDashboard, gateway: FakeGateway, body: Any, expected: int, text: str
) -> None:
    async with run_dashboard(gateway_url=gateway.url) as port:
        status, answer, _ = await post(port, "/v1/devices", body)
    assert status == expected
    assert text in answer["detail"]
    assert gateway.requests == []


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
    assert len(gateway.requests) == 1


async def test_an_unknown_command_is_not_found(run_dashboard: RunDashboard, gateway: FakeGateway) -> None:
    async with run_dashboard(gateway_url=gateway.url) as port:
        status, body, headers = await post(port, "/v1/none", LABEL)
    assert (status, body, "Allow" in headers) == (404, {"detail": "There is no such command."}, False)
    assert gateway.requests == []


async def test_without_a_gateway_commands_are_rejected(run_dashboard: RunDashboard) -> None:
    async with run_dashboard() as port:
        status, body, _ = await post(port, "/v1/labels", LABEL)
        assert (status, "--gateway-url" in body["detail"]) == (403, True)
        async with live_client(port) as client:
            view = await client.until(lambda view: view.snapshots == 1)
            assert view.status["labels"] == []


async def test_the_api_description_loads_nothing_from_other_sites(run_dashboard: RunDashboard) -> None:
    async with run_dashboard() as port, ClientSession(f"http://127.0.0.1:{port}") as session:
        async with session.get("/openapi.json") as response:
            paths = (await response.json())["paths"]
        assert {path: list(operations) for path, operations in paths.items()} == {
            "/healthz": ["get"],
            "/v1/labels": ["post"],
            "/v1/labels/activities": ["get"],
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


async def test_stops_quickly_while_a_label_waits_for_the_gateway(
    run_dashboard: RunDashboard, gateway: FakeGateway, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.is_silent = True
    async with run_dashboard(gateway_url=gateway.url) as port:
        request = asyncio.create_task(post(port, "/v1/labels", LABEL))
        async with asyncio.timeout(10):
            while not gateway.requests:
                await asyncio.sleep(0.01)
        started = time.monotonic()
    assert time.monotonic() - started < 3
    await asyncio.wait([request])
    assert request.exception() is not None
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []

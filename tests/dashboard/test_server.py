"""The server with a real Redis: its files, access checks, slow browsers and failures."""

import asyncio
import base64
import http.client
import logging
import posixpath
import re
import socket
import time
import tracemalloc
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from websockets import Origin
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus

from dashboard.limits import BrowserLimits
from dashboard.site import LIBRARY_FILES, MissingPageFileError, load_site
from har.live import LIVE_CHANNEL
from tests.dashboard.conftest import RunDashboard
from tests.dashboard.dashboard_feeding import (
    SECOND,
    browser_that_never_reads,
    live_client,
    make_update,
    publish,
    publish_rounds,
    subscribed,
    whole_second,
)

pytestmark = pytest.mark.redis

QUICK = BrowserLimits(delta_interval=0.02, heartbeat=0.05)


async def request(
    port: int, path: str, headers: dict[str, str] | None = None, method: str = "GET", body: bytes | None = None
) -> tuple[http.client.HTTPResponse, bytes]:
    def exchange() -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request(method, path, body, headers=headers or {})
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    return await asyncio.to_thread(exchange)


async def test_serves_only_the_page(run_dashboard: RunDashboard) -> None:
    async with run_dashboard() as port:
        for path, file in load_site().items():
            response, body = await request(port, path)
            assert response.status == 200, path
            assert response.headers["Content-Type"] == file.content_type
            assert len(body) == int(response.headers["Content-Length"]) > 0, path
            assert response.headers.get_all("X-Content-Type-Options") == ["nosniff"]
            assert response.headers["Referrer-Policy"] == "no-referrer"
            assert response.headers["Cache-Control"] == "no-cache"
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
        for path in (
            "/server.py",
            "/../server.py",
            "/%2e%2e/server.py",
            "/package.json",
            "/libraries.d.ts",
            "/index.html",
            "//etc/passwd",
            "/node_modules/",
        ):
            response, _ = await request(port, path)
            assert response.status == 404, path
            assert "Content-Security-Policy" in response.headers


def test_every_file_that_the_page_names_is_served() -> None:
    site = load_site()
    assert {"/", "/style.css", "/main.js", "/uplot.js", "/shared/base.css"} <= site.keys()
    named = re.findall(r'(?:href|src)="\./([^"]+)"', site["/"].body.decode())
    assert named
    for path, file in site.items():
        if path.endswith(".js"):
            targets = re.findall(r"""(?:from|import)\s*\(?\s*["'](\.[^"']+)["']""", file.body.decode())
            named += [posixpath.normpath(posixpath.join(path[1:].rpartition("/")[0], target)) for target in targets]
    assert {f"/{name}" for name in named} <= site.keys()


async def test_unchanged_files_are_not_sent_again(run_dashboard: RunDashboard) -> None:
    async with run_dashboard() as port:
        response, body = await request(port, "/main.js")
        tag = response.headers["ETag"]
        for known in (tag, f'"another", W/{tag}', "*"):
            again, nothing = await request(port, "/main.js", {"If-None-Match": known})
            assert (again.status, nothing) == (304, b"")
        head, nothing = await request(port, "/main.js", method="HEAD")
        assert (head.status, nothing) == (200, b"")
        assert int(head.headers["Content-Length"]) == len(body)


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("/main.js", "POST", "GET, HEAD"),
        ("/healthz", "DELETE", "GET, HEAD"),
        ("/v1/labels", "DELETE", "POST"),
        ("/v1/labels", "GET", "POST"),
        ("/v1/devices", "PUT", "POST"),
        ("/v1/none", "HEAD", "POST"),
    ],
)
async def test_a_rejected_method_is_answered_with_the_allowed_ones(
    run_dashboard: RunDashboard, path: str, method: str, allowed: str
) -> None:
    async with run_dashboard() as port:
        response, _ = await request(port, path, method=method)
        assert (response.status, response.headers["Allow"]) == (405, allowed)


async def test_rejects_foreign_hosts_and_origins(run_dashboard: RunDashboard) -> None:
    async with run_dashboard() as port:
        for host in ("rebound.example", f"rebound.example:{port}", "localhost.rebound.example", "localhost@x", ""):
            response, _ = await request(port, "/", {"Host": host})
            assert response.status == 421, host
        for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}"):
            response, _ = await request(port, "/", {"Host": host})
            assert response.status == 200, host
        probe, body = await request(port, "/healthz", {"Host": "10.0.0.1:1"})
        assert (probe.status, b'"ok"' in body) == (200, True)

        own = f"http://127.0.0.1:{port}"
        for origin in (
            "http://evil.example",
            "null",
            f"http://127.0.0.1:{port + 1}",
            f"ftp://127.0.0.1:{port}",
            own + ".x",
        ):
            async with connect(f"ws://127.0.0.1:{port}/live", origin=Origin(origin)) as foreign:
                with pytest.raises(ConnectionClosedError) as closed:
                    await foreign.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4403, origin
            assert "--public-url" in closed.value.rcvd.reason
        async with live_client(port, origin=own) as client:
            await client.until(lambda view: view.snapshots == 1)


async def test_behind_a_proxy_the_public_address_is_allowed_and_another_is_logged_once(
    run_dashboard: RunDashboard, caplog: pytest.LogCaptureFixture
) -> None:
    async with run_dashboard(public_url="https://har.example.org/live", token="secret") as port:
        bearer = {"Authorization": "Bearer secret"}
        page = {"Origin": "https://har.example.org", "Content-Type": "application/json", **bearer}
        for host in (f"127.0.0.1:{port}", "har.example.org"):
            response, body = await request(port, "/v1/labels", {"Host": host, **page}, method="POST", body=b"{}")
            assert (response.status, b"gateway" in body or b"invalid" in body) == (422, True)
        for _ in range(2):
            foreign = page | {"Origin": "https://other.example.org"}
            response, body = await request(port, "/v1/labels", foreign, method="POST", body=b"{}")
            assert (response.status, b"--public-url" in body) == (403, True)
        response, _ = await request(port, "/", bearer)
        assert "; Path=/live/;" in response.headers["Set-Cookie"]
        response, body = await request(port, "/docs", bearer)
        assert b"/live/openapi.json" in body
        script = re.search(rb'src="/live(/[^"]+)"', body)
        assert script is not None
        response, _ = await request(port, script[1].decode(), bearer)
        assert response.status == 200
        for path in ("/live/", "/live/style.css"):  # as a proxy sends it that does not remove the path
            response, body = await request(port, path, bearer)
            assert (response.status, b"remove the path /live" in body) == (404, True)
    assert len([record for record in caplog.records if "remove the path /live" in record.message]) == 1
    assert len([record for record in caplog.records if "https://other.example.org" in record.message]) == 1


async def test_beyond_loopback_the_token_is_the_password(run_dashboard: RunDashboard) -> None:
    async with run_dashboard(host="0.0.0.0", token="a long secret", behind_proxy=True) as port:
        for headers in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "Basic !"},
            {"Cookie": "har_dashboard=x"},
        ):
            response, _ = await request(port, "/", headers)
            assert response.status == 401
            assert response.headers["WWW-Authenticate"].startswith("Basic")
        basic = base64.b64encode(b"anyone:a long secret").decode()
        response, _ = await request(port, "/", {"Authorization": f"Basic {basic}", "Host": "dash.example"})
        assert response.status == 200
        cookie = response.headers["Set-Cookie"]
        assert all(part in cookie for part in ("HttpOnly", "SameSite=Strict", "Secure"))
        assert "secret" not in cookie
        with pytest.raises(InvalidStatus):
            async with live_client(port):
                pass
        async with live_client(port, additional_headers={"Cookie": cookie.partition(";")[0]}) as client:
            await client.until(lambda view: view.snapshots == 1)


@pytest.fixture
def base() -> int:
    """Start of the first window, event time, µs."""
    return whole_second()


async def test_a_snapshot_then_deltas(run_dashboard: RunDashboard, publisher: Redis, base: int) -> None:
    await publish(publisher, make_update("from-key", 0, "sit", base=base))
    async with run_dashboard(limits=QUICK) as port, live_client(port) as first:
        await first.until(lambda view: "from-key" in view.devices)
        await subscribed(publisher)
        for second in range(3):
            await publish(publisher, make_update("from-channel", second, "walk", base=base))
        await first.until(lambda view: len(view.devices.get("from-channel", {}).get("windows", ())) == 3)
        async with live_client(port) as second_client:
            view = await second_client.until(lambda view: len(view.devices) == 2)
        assert view.snapshots == 1
        assert view.devices == first.view.devices
        assert view.devices["from-channel"]["activity"] == "walk"
        assert view.styles["walk"]["title"] == "Walking"
        assert first.view.snapshots == 1
        status = (await first.until(lambda view: view.status["windows_per_second"] > 0)).status
        assert status["devices"] == 2
        assert status["latency_p50"] == pytest.approx(50, rel=0.05)
        assert status["redis_unavailable_since"] is None


async def test_invalid_messages_are_counted_and_logged_at_a_limited_rate(
    run_dashboard: RunDashboard, publisher: Redis, caplog: pytest.LogCaptureFixture, base: int
) -> None:
    async with run_dashboard(limits=QUICK) as port, live_client(port) as client:
        await subscribed(publisher)
        for number in range(100):
            await publisher.publish(LIVE_CHANNEL, b"\x00 not JSON %d" % number)
        await publish(publisher, make_update("phone-1", base=base))
        view = await client.until(lambda view: "phone-1" in view.devices and view.status["undecodable"] == 100)
        assert view.devices["phone-1"]["activity"] == "walk"
    assert sum("rejected a message from Redis" in record.message for record in caplog.records) == 1


async def test_catches_up_after_redis_was_killed(
    run_dashboard: RunDashboard, publisher: Redis, redis_server: Any, base: int
) -> None:
    async with run_dashboard(limits=QUICK) as port, live_client(port) as client:
        await subscribed(publisher)
        await publish(publisher, make_update("phone-1", 0, base=base))
        await client.until(lambda view: "phone-1" in view.devices)
        # Only a key, without a message on the channel: the dashboard finds it when it connects again.
        await publisher.set(
            "har:device:phone-2", (await publisher.get("har:device:phone-1")).replace(b"phone-1", b"phone-2")
        )
        redis_server.kill()
        view = await client.until(lambda view: view.status["redis_unavailable_since"] is not None)
        assert "phone-1" in view.devices
        assert view.status["redis_unavailable_since"] == pytest.approx(time.time() * SECOND, abs=60 * SECOND)
        response, body = await request(port, "/healthz")
        assert (response.status, b"unavailable" in body) == (200, True)
        redis_server.start()
        await client.until(lambda view: "phone-2" in view.devices)
        await client.until(lambda view: view.status["redis_unavailable_since"] is None)
        await publisher.connection_pool.disconnect()
        await subscribed(publisher)
        await publish(publisher, make_update("phone-3", 0, base=base))
        await client.until(lambda view: "phone-3" in view.devices)
        assert client.view.snapshots == 1


async def test_starts_without_redis(run_dashboard: RunDashboard, redis_server: Any) -> None:
    redis_server.kill()
    async with run_dashboard(limits=QUICK) as port, live_client(port) as client:
        await client.until(lambda view: view.status["redis_unavailable_since"] is not None)
        redis_server.start()
        await client.until(lambda view: view.status["redis_unavailable_since"] is None)


@pytest.mark.slow
async def test_a_browser_that_never_reads_delays_no_other_and_costs_no_memory(
    run_dashboard: RunDashboard, publisher: Redis, base: int
) -> None:
    # A short history, so that the state is full after the first rounds.
    limits = BrowserLimits(delta_interval=0.02, heartbeat=0.05, trace_seconds=3)
    async with run_dashboard(limits=limits, history_seconds=10) as port, live_client(port) as client:
        await subscribed(publisher)
        with ExitStack() as stuck:
            for _ in range(3):
                stuck.enter_context(browser_that_never_reads(port))
            await publish_rounds(publisher, client, base, 0, 8)
            tracemalloc.start()
            try:
                # Earlier allocations are not traced. After four rounds, all traces of acceleration have been replaced.
                await publish_rounds(publisher, client, base, 8, 13)
                before = tracemalloc.get_traced_memory()[0]
                await publish_rounds(publisher, client, base, 13, 23)
                grown = tracemalloc.get_traced_memory()[0] - before
            finally:
                tracemalloc.stop()
    assert grown < 3_000_000, f"{grown / 1e6:.1f} MB more; queues for three browsers would hold 21 MB more"


async def test_a_browser_that_reads_nothing_is_dropped(
    run_dashboard: RunDashboard, publisher: Redis, caplog: pytest.LogCaptureFixture, base: int
) -> None:
    limits = BrowserLimits(delta_interval=0.02, heartbeat=0.05, browser_timeout=0.5)
    async with run_dashboard(limits=limits) as port, live_client(port) as client:
        await subscribed(publisher)
        with browser_that_never_reads(port):
            second = 0
            async with asyncio.timeout(60):
                while "it read nothing" not in caplog.text:
                    await publish_rounds(publisher, client, base, second, second + 1)
                    second += 1
            await publish_rounds(publisher, client, base, second, second + 1)
    assert caplog.text.count("it read nothing") == 1


async def test_stops_quickly_although_browsers_are_stuck(
    run_dashboard: RunDashboard, publisher: Redis, base: int
) -> None:
    limits = BrowserLimits(delta_interval=0.02, heartbeat=0.05, shutdown=0.2)
    with ExitStack() as stuck:
        async with run_dashboard(limits=limits) as port:
            async with live_client(port) as client:
                await subscribed(publisher)
                stuck.enter_context(browser_that_never_reads(port))
                stuck.enter_context(closing(socket.create_connection(("127.0.0.1", port))))
                await publish_rounds(publisher, client, base, 0, 15)
            started = time.monotonic()
        assert time.monotonic() - started < 3


async def test_stops_at_any_time(run_dashboard: RunDashboard, publisher: Redis) -> None:
    # A cancellation that arrives while the Redis client is sending must not be lost.
    async with asyncio.timeout(60):
        for turn in range(30):
            async with run_dashboard() as port:
                for _ in range(turn % 4):
                    await request(port, "/healthz")


async def test_a_browser_that_sends_a_message_is_disconnected(run_dashboard: RunDashboard) -> None:
    async with run_dashboard(limits=QUICK) as port, live_client(port) as client:
        await client.connection.send("hello")
        with pytest.raises(ConnectionClosed) as closed:
            await client.until(lambda view: False)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


async def test_browsers_beyond_the_limit_are_rejected(run_dashboard: RunDashboard) -> None:
    async with run_dashboard(limits=QUICK, max_browsers=2) as port:
        async with live_client(port) as first, live_client(port) as second:
            await first.until(lambda view: view.snapshots == 1)
            await second.until(lambda view: view.snapshots == 1)
            with pytest.raises(InvalidStatus) as rejection:
                async with live_client(port):
                    pass
            assert rejection.value.response.status_code == 503
        async with asyncio.timeout(10):
            while True:
                try:
                    async with live_client(port) as third:
                        await third.until(lambda view: view.snapshots == 1)
                        break
                except InvalidStatus:
                    continue


def test_the_error_of_a_missing_chart_library_contains_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("x")
    for _, name in LIBRARY_FILES:
        with pytest.raises(MissingPageFileError, match=f"{name}.*npm ci"):
            load_site(tmp_path)
        (tmp_path / "node_modules" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "node_modules" / name).write_text("x")
    assert load_site(tmp_path)["/uplot.js"].body == b"x"


def test_a_file_that_the_page_loads_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingPageFileError, match="install the package again"):
        load_site(tmp_path)
    (tmp_path / "index.html").write_text('<link rel="stylesheet" href="./cards.css">')
    for _, name in LIBRARY_FILES:
        (tmp_path / "node_modules" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "node_modules" / name).write_text("x")
    with pytest.raises(MissingPageFileError, match=r"cards\.css .*install the package again"):
        load_site(tmp_path)
    (tmp_path / "cards.css").write_text("x")
    assert load_site(tmp_path)["/cards.css"].body == b"x"


def test_the_lock_file_contains_no_registry() -> None:
    web = Path(__file__).parents[2] / "dashboard" / "web"
    assert "http" not in (web / "package-lock.json").read_text()


@pytest.fixture(autouse=True)
def _log_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="dashboard")

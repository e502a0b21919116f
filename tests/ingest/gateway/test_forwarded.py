"""Behind a proxy: limits by the client's address, addresses in invitations, and connections that stay open."""

import asyncio
import socket

import aiohttp
import pytest

from ingest.devices.registry import Registry
from ingest.gateway import phone_connection
from tests.brokers import on_one_broker
from tests.ingest.gateway.running_gateway import call, gateway_on

TEST_PUSH = {"payload": [{"name": "test"}]}
LIMITS = {"max_device_rate": 0.1}  # a burst of two


async def pushed_from(address, forwarded):
    return (await call(address, "/v1/sensor-logger", TEST_PUSH, headers={"X-Forwarded-For": forwarded}))[0]


@on_one_broker
async def test_each_client_behind_a_proxy_has_its_own_limit(broker):
    async with gateway_on(broker, behind_proxy=True, **LIMITS) as address:
        assert [await pushed_from(address, "192.0.2.7") for _ in range(3)] == [200, 200, 429]
        assert await pushed_from(address, "2001:db8::1") == 200
        # Only the last address is the proxy's: the client may have claimed the others.
        assert await pushed_from(address, "192.0.2.8, 192.0.2.7") == 429
        assert await pushed_from(address, "no address") == 200


@on_one_broker
async def test_without_behind_proxy_what_a_client_claims_is_ignored(broker):
    async with gateway_on(broker, **LIMITS) as address:
        assert [await pushed_from(address, f"192.0.2.{number}") for number in range(3)] == [200, 200, 429]


@on_one_broker
@pytest.mark.parametrize(
    ("changes", "url"),
    [
        ({"behind_proxy": True}, "https://phones.example.org/phone/#"),
        ({"behind_proxy": True, "public_url": "https://example.org/har/"}, "https://example.org/har/phone/#"),
        ({}, "http://127.0.0.1:"),
    ],
)
async def test_invitations_name_the_address_that_phones_use(broker, tmp_path, changes, url):
    registry = f"sqlite:///{tmp_path}/devices.sqlite3"
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "phones.example.org"}
    async with gateway_on(broker, registry=registry, token="operator", **changes) as address:
        _, invited = await call(address, "/v1/devices", {"name": "a"}, token="operator", headers=headers)
    assert invited["url"].startswith(url)


@on_one_broker
@pytest.mark.parametrize(("public_url", "path"), [(None, "/phone/store/"), ("https://h.test/har", "/har/phone/store/")])
async def test_the_cookie_is_for_the_path_in_the_browser(broker, tmp_path, public_url, path):
    url = f"sqlite:///{tmp_path}/devices.sqlite3"
    with Registry(url) as registry:
        code = registry.invite("mine", wearer=None, frame="unknown", seconds=60)
        async with (
            gateway_on(broker, registry=url, public_url=public_url) as address,
            aiohttp.ClientSession() as client,
            client.post(f"http://{address}/v1/devices/enrol", json={"code": code}) as answer,
        ):
            assert answer.cookies["har_device"]["path"] == path


@on_one_broker
async def test_an_idle_connection_gets_pings_so_that_proxies_keep_it_open(broker, monkeypatch):
    monkeypatch.setattr(phone_connection, "PING_SECONDS", 0.05)
    async with (
        gateway_on(broker) as address,
        aiohttp.ClientSession() as client,
        client.ws_connect(f"http://{address}/v1/samples", autoping=False) as phone,
        asyncio.timeout(20),
    ):
        for _ in range(3):
            assert (await phone.receive()).type is aiohttp.WSMsgType.PING


@on_one_broker
async def test_a_request_without_upgrade_is_answered_and_logged_once(broker, caplog):
    websocket = {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version": "13"}
    async with gateway_on(broker) as address:
        for headers in ({}, websocket, websocket):
            status, answer = await call(address, "/v1/samples", headers=headers)
            assert (status, answer["code"]) == (426, "no_upgrade")
    assert len([record for record in caplog.records if "without the header Upgrade" in record.message]) == 1


@on_one_broker
@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="needs IPv6")
async def test_the_address_of_a_phone_on_ipv6_is_in_brackets(broker, caplog):
    async with gateway_on(broker, host="::1") as address, aiohttp.ClientSession() as client:
        port = address.rpartition(":")[2]
        async with client.ws_connect(f"http://[::1]:{port}/v1/samples") as phone:
            await phone.send_str("{")
            await phone.receive()
    assert any("[::1]:" in record.message for record in caplog.records if "rejected" in record.message)


@on_one_broker
async def test_an_open_gateway_rejects_foreign_pages_and_says_what_to_set(broker, caplog):
    async with gateway_on(broker, public_url="https://har.example.org/phones") as address:

        async def status_from(origin, host=address):
            return (await call(address, "/v1/sensor-logger", TEST_PUSH, headers={"Origin": origin, "Host": host}))[0]

        assert await status_from(f"http://{address}") == 200
        assert await status_from("https://har.example.org") == 200
        assert await status_from("https://evil.test") == 403
        assert await status_from("null") == 403
        assert await status_from("http://rebound.test", "rebound.test") == 403  # after DNS rebinding
        async with aiohttp.ClientSession(headers={"Origin": "https://evil.test"}) as foreign, asyncio.timeout(20):
            with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
                await foreign.ws_connect(f"http://{address}/v1/samples")
            # A page of the gateway behind a proxy that rewrites Host learns the reason: browsers hide the status.
            async with foreign.ws_connect(f"http://{address}/v1/samples", protocols=["har.v1"]) as phone:
                closed = await phone.receive()
        assert (closed.data, "--public-url" in closed.extra) == (1008, True)
    logged = [record.message for record in caplog.records if "--public-url" in record.message]
    assert len([line for line in logged if "page at https://evil.test" in line]) == 1
    assert len(logged) == 3


@on_one_broker
async def test_a_path_that_the_proxy_did_not_remove_is_explained_and_logged_once(broker, caplog):
    async with (
        gateway_on(broker, public_url="https://har.example.org/phones") as address,
        aiohttp.ClientSession() as client,
    ):
        for path in ("/phones/phone/", "/phones/v1/samples", "/other"):
            async with client.get(f"http://{address}{path}") as answer:
                assert (answer.status, "remove the path /phones" in await answer.text()) == (404, path != "/other")
    assert len([record for record in caplog.records if "remove the path /phones" in record.message]) == 1

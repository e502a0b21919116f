"""Enrolment, tokens, renewal and revocation, over HTTP and WebSocket."""

import asyncio
import json
import time
import urllib.request

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from har import topics
from har.binary_samples import encode_batch
from har.gateway_messages import Accepted, Clock, decode_message
from ingest.devices import tokens
from ingest.devices.registry import Registry
from tests.batches import live_batches
from tests.brokers import on_one_broker
from tests.ingest.gateway.running_gateway import ask, call, gateway_on, page, receive

MINE = live_batches(3, device="mine")


@pytest.fixture
def registry(tmp_path):
    with Registry(f"sqlite:///{tmp_path}/devices.sqlite3") as opened:
        opened.url = f"sqlite:///{tmp_path}/devices.sqlite3"
        yield opened


async def enrolled(address, registry, name):
    code = registry.invite(name, wearer=None, frame="unknown", seconds=60)
    status, device = await call(address, "/v1/devices/enrol", {"code": code.lower()})
    assert status == 200
    return device


def bearing(token):
    return {"additional_headers": {"Authorization": f"Bearer {token}"}}


def as_page(token):
    return {"subprotocols": ["har.v1", f"bearer.{token}"]}


@on_one_broker
async def test_a_code_enrols_one_phone_once(broker, registry):
    async with gateway_on(broker, registry=registry.url) as address:
        code = registry.invite("mine", wearer="anna", frame="ios", seconds=60)
        status, device = await call(address, "/v1/devices/enrol", {"code": code})
        assert (status, device["device"]) == (200, "mine")
        assert device["expires"] > time.time() * 1e6
        async with connect(f"ws://{address}/v1/samples", **bearing(device["token"])) as phone:
            assert await ask(phone, encode_batch(MINE[0])) == Accepted("s1", 0)
        async with connect(f"ws://{address}/v1/samples", **as_page(device["token"])) as phone:
            assert phone.subprotocol == "har.v1"
            assert await ask(phone, encode_batch(MINE[1])) == Accepted("s1", 1)
        status, again = await call(address, "/v1/devices/enrol", {"code": code})
        assert (status, again["code"]) == (403, "unknown_code")
        status, renewed = await call(address, "/v1/devices/token", {"device": "mine", "secret": device["secret"]})
        assert status == 200
        async with connect(f"ws://{address}/v1/samples", **bearing(renewed["token"])) as phone:
            assert await ask(phone, encode_batch(MINE[2])) == Accepted("s1", 2)


@on_one_broker
async def test_a_code_is_invalid_after_its_expiry_or_after_a_newer_code(broker, registry):
    async with gateway_on(broker, registry=registry.url, token="operator") as address:
        late = registry.invite("late", wearer=None, frame="unknown", seconds=-1)
        first = registry.invite("twice", wearer=None, frame="unknown", seconds=60)
        registry.invite("twice", wearer=None, frame="unknown", seconds=60)
        for code in (late, first, "ABCD-EFGH-JKMN"):
            status, rejected = await call(address, "/v1/devices/enrol", {"code": code})
            assert (status, rejected["code"]) == (403, "unknown_code")
        assert 'har_not_admitted_total{reason="unknown_code"} 3.0' in await metrics_of(address, registry)


async def metrics_of(address, registry):
    # Only the operator may read the metrics; devices are rejected.
    token, _ = tokens.issue(registry.signing_key(), registry.admit("anybody"), 60)
    status, rejected = await call(address, "/metrics", token=token)
    assert (status, rejected["code"]) == (401, "malformed_token")
    return await page_with(address, "operator")


async def page_with(address, token):
    request = urllib.request.Request(f"http://{address}/metrics", headers={"Authorization": f"Bearer {token}"})
    return await asyncio.to_thread(lambda: urllib.request.urlopen(request).read().decode())


@on_one_broker
async def test_a_device_sends_only_as_itself_and_other_batches_are_dead_lettered(broker, registry):
    async with gateway_on(broker, registry=registry.url, token="operator") as address:
        mine = await enrolled(address, registry, "mine")
        other = live_batches(1, device="other")[0]
        async with connect(f"ws://{address}/v1/samples", **bearing(mine["token"])) as phone:
            answer = await ask(phone, encode_batch(other))
            assert (answer.code, answer.detail) == ("not_yours", "this token belongs to mine and cannot send as other")
            assert await ask(phone, encode_batch(MINE[0])) == Accepted("s1", 0)
        (kept,) = broker.read(topics.REJECTED.name, 1)
        assert kept.value == encode_batch(other)
        report = {"device": "other", "session": "s1", "start": 1_763_900_000_000_000, "activity": "walk"}
        status, rejected = await call(
            address, "/v1/labels", {**report, "said_at": 1_763_900_000_000_000}, token=mine["token"]
        )
        assert (status, rejected["code"]) == (403, "not_yours")
        assert 'har_rejected_total{code="not_yours"} 2.0' in await page_with(address, "operator")


@on_one_broker
@pytest.mark.parametrize("token", ["", "wrong", "a.b.c", "x" * 5_000])
async def test_callers_without_a_valid_token_are_rejected_and_pages_get_the_reason(broker, registry, token):
    async with gateway_on(broker, registry=registry.url, token="operator") as address:
        with pytest.raises(InvalidStatus) as rejected:
            await connect(f"ws://{address}/v1/samples", **(bearing(token) if token else {}))
        assert rejected.value.response.status_code == 401
        answer = json.loads(rejected.value.response.body)
        assert answer["code"] == ("malformed_token" if token else "no_token")
        async with connect(f"ws://{address}/v1/samples", **as_page(token or "none")) as phone:
            with pytest.raises(ConnectionClosed) as closed:
                await phone.recv()
        assert closed.value.rcvd.code == 4401


@on_one_broker
async def test_a_token_of_another_system_or_of_no_algorithm_is_rejected(broker, registry):
    import jwt

    claims = {"sub": "mine", "gen": 0, "frame": "android", "iat": int(time.time()), "exp": int(time.time()) + 60}
    for forged in (jwt.encode(claims, b"k" * 32, "HS256"), jwt.encode(claims, None, "none")):
        async with gateway_on(broker, registry=registry.url) as address:
            with pytest.raises(InvalidStatus) as rejected:
                await connect(f"ws://{address}/v1/samples", **bearing(forged))
            assert json.loads(rejected.value.response.body)["code"] == "malformed_token"


@pytest.mark.slow
@on_one_broker
async def test_an_expired_token_ends_the_connection_and_is_rejected_afterwards(broker, registry):
    async with gateway_on(broker, registry=registry.url, token_minutes=5 / 60) as address:
        mine = await enrolled(address, registry, "mine")
        async with connect(f"ws://{address}/v1/samples", **as_page(mine["token"])) as phone:
            assert await ask(phone, encode_batch(MINE[0])) == Accepted("s1", 0)
            with pytest.raises(ConnectionClosed) as closed:
                await receive(phone)
        assert closed.value.rcvd.code == 4401
        with pytest.raises(InvalidStatus) as rejected:
            await connect(f"ws://{address}/v1/samples", **bearing(mine["token"]))
        assert json.loads(rejected.value.response.body)["code"] == "expired"


@on_one_broker
async def test_a_revoked_device_is_disconnected_and_its_credentials_are_invalid(broker, registry):
    async with gateway_on(broker, registry=registry.url, token="operator", revocation_seconds=0.1) as address:
        mine = await enrolled(address, registry, "mine")
        other = await enrolled(address, registry, "other")
        async with (
            connect(f"ws://{address}/v1/samples", **as_page(mine["token"])) as phone,
            connect(f"ws://{address}/v1/samples", **as_page(other["token"])) as stays,
        ):
            assert await ask(phone, encode_batch(MINE[0])) == Accepted("s1", 0)
            status, _ = await call(address, "/v1/devices/mine", token="operator", method="DELETE")
            assert status == 200
            with pytest.raises(ConnectionClosed) as closed:
                await receive(phone)
            # The phone page shows this reason to the wearer.
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (
                4403,
                "This device was revoked. Enrol it again.",
            )
            assert await ask(stays, encode_batch(live_batches(1, device="other")[0])) == Accepted("s1", 0)
        with pytest.raises(InvalidStatus) as rejected:  # the replay of a token
            await connect(f"ws://{address}/v1/samples", **bearing(mine["token"]))
        assert rejected.value.response.status_code == 403
        status, rejected = await call(address, "/v1/devices/token", {"device": "mine", "secret": mine["secret"]})
        assert (status, rejected["code"]) == (403, "revoked")
        assert rejected["detail"] == "The device mine was revoked. Request a new code (har devices enrol mine)."
        assert 'har_cut_off_total{reason="revoked"} 1.0' in await page_with(address, "operator")
        again = await enrolled(address, registry, "mine")
        async with connect(f"ws://{address}/v1/samples", **bearing(again["token"])) as phone:
            assert await ask(phone, encode_batch(MINE[1])) == Accepted("s1", 1)


@on_one_broker
async def test_enrolment_attempts_are_limited(broker, registry):
    async with gateway_on(broker, registry=registry.url, max_enrolments_per_minute=5) as address:
        answers = [await call(address, "/v1/devices/enrol", {"code": "ABCD"}) for _ in range(10)]
        assert [status for status, _ in answers].count(429) == 5


@on_one_broker
async def test_only_the_operator_invites_lists_and_revokes(broker, registry):
    async with gateway_on(broker, registry=registry.url, token="operator", public_url="https://h.test:8600") as address:
        mine = await enrolled(address, registry, "mine")
        for path, document, method in (
            ("/v1/devices", {"name": "x"}, "POST"),
            ("/v1/devices", None, "GET"),
            ("/v1/devices/mine", None, "DELETE"),
        ):
            status, _ = await call(address, path, document, token=mine["token"], method=method)
            assert status == 401
        status, invited = await call(address, "/v1/devices", {"name": "new", "wearer": "ben"}, token="operator")
        assert status == 200
        assert invited["url"] == f"https://h.test:8600/phone/#enrol={invited['code']}"
        assert invited["svg"].startswith("<svg")
        _, listed = await call(address, "/v1/devices", token="operator")
        assert [(entry["name"], entry["wearer"]) for entry in listed] == [("mine", None), ("new", "ben")]
        status, rejected = await call(address, "/v1/devices", {"name": "not a name"}, token="operator")
        assert (status, rejected["code"]) == (400, "device")


@on_one_broker
async def test_the_gateway_answers_questions_for_its_time_between_batches(broker):
    async with gateway_on(broker) as address, connect(f"ws://{address}/v1/samples") as phone:
        before = time.time_ns() // 1000
        await phone.send(json.dumps({"type": "clock", "sent": 1_700_000_000_000_000}))
        answer = decode_message(await phone.recv())
        assert isinstance(answer, Clock)
        assert answer.sent == 1_700_000_000_000_000
        assert before <= answer.received <= time.time_ns() // 1000
        assert "har_batches_accepted_total 0.0" in await page(address, "/metrics")

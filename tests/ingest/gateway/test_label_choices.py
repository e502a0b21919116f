"""What a device can be labelled with: the classes of its release, and what was stated for it before."""

import time

import msgspec
import pytest
from redis import Redis

from har import topics
from har.live import device_key, stated_key
from har.predictions import LiveUpdate, Prediction, Trace, encode_update
from har.rejections import RejectedMessage
from ingest.devices.registry import Registry
from ingest.gateway.label_choices import KEPT_US, MAX_OWN_WORDS, LabelChoices
from ingest.gateway.metrics import GatewayMetrics
from tests.brokers import on_one_broker
from tests.ingest.gateway.running_gateway import call, gateway_on

NOW = time.time_ns() // 1000
LABEL = {"device": "phone-1", "session": "s1", "start": NOW, "activity": "walk", "said_at": NOW}
ACTIVITIES = "/v1/labels/activities?device=phone-1"


def classified(redis: Redis, classes: dict[str, float]) -> None:
    """Store a prediction of phone-1 as the processor does."""
    prediction = Prediction("phone-1", "s1", NOW, NOW + 4_000_000, next(iter(classes)), 0.9, classes, "r1", NOW)
    redis.set(device_key("phone-1"), encode_update(LiveUpdate(prediction, NOW, Trace(NOW, 20_000, [], [], []))))


def names(styles: list[dict[str, str]]) -> list[str]:
    return [style["name"] for style in styles]


@pytest.fixture
def redis(redis_url):
    with Redis.from_url(redis_url) as client:
        client.flushdb()
        yield client


@pytest.mark.redis
@on_one_broker
async def test_the_classes_of_the_release_and_the_words_of_the_device_are_offered(broker, redis, redis_url):
    async with gateway_on(broker, redis_url=redis_url) as address:
        status, answer = await call(address, ACTIVITIES)
        assert (status, answer["release"], answer["own"]) == (200, None, [])
        assert "walk" in names(answer["activities"])
        for number, word in enumerate(["Tai chi", "walking", "unknown", "rope-skipping", "tai_chi"]):
            assert (await call(address, "/v1/labels", {**LABEL, "activity": word, "start": NOW + number}))[0] == 200
        withdrawn = {**LABEL, "activity": "typo", "end": NOW, "said_at": NOW + 1}
        assert (await call(address, "/v1/labels", withdrawn))[0] == 200
        classified(redis, {"lie": 0.9, "run": 0.1})
        answer = (await call(address, ACTIVITIES))[1]
    assert (answer["release"], names(answer["activities"])) == ("r1", ["lie", "run"])
    assert [(style["name"], style["title"]) for style in answer["own"]] == [
        ("tai_chi", "Tai chi"), ("rope_skipping", "Rope skipping"), ("walk", "Walking"),
    ]  # fmt: skip
    async with gateway_on(broker, redis_url=redis_url) as address:  # another gateway, or this one later
        assert names((await call(address, ACTIVITIES))[1]["own"])[0] == "tai_chi"


@on_one_broker
async def test_a_device_has_a_limited_number_of_own_words(broker):
    async with gateway_on(broker) as address:
        for number in range(MAX_OWN_WORDS):
            word = f"word{chr(97 + number // 26)}{chr(97 + number % 26)}"
            assert (await call(address, "/v1/labels", {**LABEL, "activity": word, "start": NOW + number}))[0] == 200
        status, answer = await call(address, "/v1/labels", {**LABEL, "activity": "one more"})
        assert (status, answer["code"]) == (400, "activity")
        assert "phone-1 has 32 words of its own already: use one of them (wordbf" in answer["detail"]
        for number, known in enumerate(("walking", "WordAA", "unknown"), 1):
            assert (await call(address, "/v1/labels", {**LABEL, "activity": known, "said_at": NOW + number}))[0] == 200
        assert (await call(address, "/v1/labels", {**LABEL, "device": "phone-2", "activity": "one more"}))[0] == 200
    (kept,) = broker.read(topics.REJECTED.name, 1)
    assert msgspec.json.decode(kept.value)["activity"] == "one more"


@pytest.mark.redis
async def test_a_word_that_is_not_used_for_30_days_makes_room(redis, redis_url):
    choices = LabelChoices(redis_url, GatewayMetrics())
    old = {f"word{number}": NOW - KEPT_US - 1_000_000 for number in range(MAX_OWN_WORDS)}
    redis.zadd(stated_key("phone-1"), old)
    await choices.admit("phone-1", "tai_chi")
    redis.zadd(stated_key("phone-1"), dict.fromkeys(old, NOW))
    with pytest.raises(RejectedMessage, match="32 words"):
        await choices.admit("phone-1", "tai_chi")
    await choices.aclose()


async def test_words_are_kept_in_memory_while_redis_is_away(caplog):
    choices = LabelChoices("redis://127.0.0.1:1", GatewayMetrics())
    await choices.admit("phone-1", "tai_chi")
    await choices.note("phone-1", "tai_chi")
    found = await choices.of("phone-1")
    await choices.aclose()
    assert [style.name for style in found.own] == ["tai_chi"]
    assert "cannot keep what devices were labelled with" in caplog.text


@on_one_broker
async def test_the_words_of_another_device_are_not_shown(broker, tmp_path):
    url = f"sqlite:///{tmp_path}/devices.sqlite3"
    with Registry(url) as registry:
        code = registry.invite("phone-2", wearer=None, frame="unknown", seconds=60)
        async with gateway_on(broker, registry=url) as address:
            token = (await call(address, "/v1/devices/enrol", {"code": code}))[1]["token"]
            assert (await call(address, ACTIVITIES))[0] == 401
            status, answer = await call(address, ACTIVITIES, token=token)
            assert (status, answer["code"]) == (403, "not_yours")
            assert (await call(address, "/v1/labels/activities", token=token))[0] == 200
            status, answer = await call(address, "/v1/labels/activities?device=a+b", token=token)
            assert (status, answer["code"]) == (400, "device")

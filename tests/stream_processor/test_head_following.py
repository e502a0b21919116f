"""Following the personal heads of a store: announced, pulled, verified, and used from their effective time."""

import asyncio
import time
from contextlib import aclosing
from pathlib import Path

import pytest
from kafka import KafkaProducer

from har import topics
from har.channels import ReleaseAnnouncement, encode_announcement
from har.personal_head import PersonalHead
from har.personal_index import PersonalAnnouncement, encode_personal_announcement
from model_store.client.errors import UpdateRejectedError
from model_store.repository.personal_heads import remove_heads
from stream_processor.first_releases import first_releases
from stream_processor.head_following import MAX_TRIES
from stream_processor.release_following import announcements
from stream_processor.settings import ProcessorSettings
from tests.brokers import on_one_broker
from tests.model_store.made_store import MadeStore
from tests.model_store.personal_store import publish_to
from tests.model_store.served_store import served
from tests.stream_processor.test_release_following import Followed

FUTURE = 2**53


class Personal(Followed):
    """A store with the release `one`, a server, and a processor that follows its heads."""

    def publish(self, device: str, **changes) -> PersonalHead:
        return publish_to(self.store, device, **changes)

    def announce_heads(self, index: int, *, in_us: int = 0) -> int:
        now = time.time_ns() // 1000
        self.queue.put_nowait(PersonalAnnouncement(index, now, now + in_us))
        return now + in_us

    def in_use(self, device: str, arrived: int = FUTURE) -> int | None:
        """Return the number of the head that corrects a device's windows."""
        head = self.timeline.choice_for(device, arrived).head
        return None if head is None else head.number

    async def until_used(self, device: str, number: int | None) -> None:
        async with asyncio.timeout(20):
            while self.in_use(device) != number:
                await asyncio.sleep(0.01)

    def value(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    async def until_counted(self, reason: str, times: int = 1) -> None:
        async with asyncio.timeout(20):
            while self.value("har_personal_heads_rejected_total", reason=reason) < times:
                await asyncio.sleep(0.01)


@pytest.fixture
def followed(tmp_path):
    store = MadeStore.make(tmp_path)
    store.publish("one")
    with served(Path(store.storage.url)) as server:
        made = Personal(store, server, tmp_path / "client")
        made.timeline.adopt(made.loader().pull({}, effective=0))
        yield made


async def test_announced_heads_are_used_from_their_effective_time(followed):
    async with followed.following():
        first = followed.publish("phone-1")
        followed.announce_heads(first.number)
        await followed.until_used("phone-1", first.number)
        second = followed.publish("phone-1", lead_seconds=2)
        followed.announce_heads(second.number)
        await followed.until_used("phone-1", second.number)
        other = followed.publish("phone-2", release="one")
        followed.announce_heads(other.number)
        await followed.until_used("phone-2", other.number)
    assert followed.in_use("phone-1", second.effective) == second.number
    assert followed.in_use("phone-1", second.effective - 1) == first.number
    assert followed.in_use("phone-1", first.effective - 1) is None
    assert followed.in_use("phone-3") is None
    assert followed.value("har_personal_devices") == 2


async def test_forgotten_heads_are_used_no_more(followed):
    async with followed.following():
        head = followed.publish("phone-1")
        followed.announce_heads(head.number)
        await followed.until_used("phone-1", head.number)
        remove_heads(followed.store.storage, followed.store.signing, "phone-1")
        followed.announce_heads(head.number + 1)
        await followed.until_used("phone-1", None)
    assert followed.value("har_personal_devices") == 0


async def test_windows_wait_for_announced_heads_and_no_longer_than_until_they_are_loaded(followed):
    head = followed.publish("phone-1")
    async with followed.following():
        effective = followed.announce_heads(head.number)
        while not followed.queue.empty():
            await asyncio.sleep(0)
        await asyncio.sleep(0)  # until it is noted
        await asyncio.wait_for(followed.timeline.wait_for(effective - 1), 0.5)
        await asyncio.wait_for(followed.timeline.wait_for(effective), 20)
        assert followed.in_use("phone-1") == head.number


async def test_heads_that_cannot_be_loaded_are_counted_and_those_before_stay(followed, caplog):
    async with followed.following():
        head = followed.publish("phone-1")
        followed.announce_heads(head.number)
        await followed.until_used("phone-1", head.number)
        followed.server.change = lambda name, content: (
            b"{}" if ".personal-" in name and name.endswith(f"-{head.number + 1}.json") else content
        )
        second = followed.publish("phone-1")
        followed.announce_heads(second.number)
        async with asyncio.timeout(20):
            while "still using the personal heads of 1 devices" not in caplog.text:
                await asyncio.sleep(0.01)
        assert followed.in_use("phone-1") == head.number
        assert followed.names == {"stable": "one"}  # releases are still followed
        followed.server.change = lambda name, content: content
        await followed.until_used("phone-1", second.number)  # it asks again by itself


async def test_an_unsigned_announcement_does_not_block_signed_heads(followed, monkeypatch, caplog):
    monkeypatch.setattr("stream_processor.release_following.LONGEST_PAUSE_SECONDS", 0.01)
    async with followed.following():
        head = followed.publish("phone-1")
        followed.announce_heads(1_000_000)
        await followed.until_used("phone-1", head.number)
        await followed.until_counted("rolled back", MAX_TRIES)
        async with asyncio.timeout(20):
            while "dropped the announcement of change 1000000 of the personal heads" not in caplog.text:
                await asyncio.sleep(0.01)
        after = followed.publish("phone-1")
        followed.announce_heads(after.number)
        await followed.until_used("phone-1", after.number)


async def test_a_release_that_is_rejected_does_not_keep_heads_from_being_loaded(followed):
    async with followed.following(interval_seconds=0.2):
        rejected = followed.store.release("other", hop_us=2_000_000)
        files = {path.name: path.read_bytes() for path in rejected.iterdir()}
        followed.store.sign_and_point("other", files)
        await followed.until_rejected("unusable")
        head = followed.publish("phone-1")
        followed.announce_heads(head.number)
        await followed.until_used("phone-1", head.number)


async def test_a_worker_begins_with_the_heads_of_the_store_or_else_with_those_it_had(followed, tmp_path, monkeypatch):
    head = followed.publish("phone-1")
    root = tmp_path / "trusted_root.json"
    root.write_bytes(followed.store.root)
    settings = ProcessorSettings(
        store_url=followed.server.url, trusted_root=root, data_folder=tmp_path / "data", redis_url="redis://127.0.0.1"
    )
    timeline, loader = first_releases(settings)
    assert timeline.choice_for("phone-1", FUTURE).head.number == head.number
    followed.server.change = lambda name, content: None
    again = type(loader)(loader._client, loader._baseline, threads=1)
    assert [each.number for each in again.last_good_heads().heads["phone-1"]] == [head.number]
    monkeypatch.setattr("stream_processor.release_loading.release_client", lambda _: loader._client)
    timeline, _ = first_releases(settings)
    assert timeline.choice_for("phone-1", FUTURE).head.number == head.number


def test_a_worker_begins_with_all_heads_although_each_attempt_is_cut_off(followed):
    for number in range(3):
        followed.publish(f"phone-{number}")
    asked = []

    def one_head_at_a_time(name: str, content: bytes) -> bytes | None:
        if ".personal-" not in name:
            return content
        asked.append(name)
        return content if len(asked) % 2 else None

    followed.server.change = one_head_at_a_time
    loader = followed.loader()
    loader.pull_first_heads()
    assert len(loader.heads.heads) == 3
    followed.server.change = lambda name, content: None
    with pytest.raises(UpdateRejectedError, match="unreachable"):
        loader.pull_first_heads()


async def test_a_repeated_announcement_of_heads_has_no_effect(followed):
    async with followed.following():
        head = followed.publish("phone-1")
        followed.announce_heads(head.number)
        await followed.until_used("phone-1", head.number)
        await asyncio.wait_for(followed.timeline.wait_for(FUTURE), 5)
        followed.server.change = lambda name, content: None
        effective = followed.announce_heads(head.number)
        await asyncio.sleep(0.1)
        await asyncio.wait_for(followed.timeline.wait_for(effective), 0.5)
        assert followed.value("har_personal_heads_rejected_total", reason="unreachable") == 0


async def test_unannounced_heads_are_found_by_polling(followed):
    async with followed.following(interval_seconds=0.1):
        head = followed.publish("phone-1")
        await followed.until_used("phone-1", head.number)


@on_one_broker
async def test_both_kinds_of_announcement_are_read_from_one_topic(broker, followed):
    pointer = followed.store.publish("two")
    sent = [ReleaseAnnouncement(pointer=pointer, announced=1, effective=2), PersonalAnnouncement(3, 4, 5)]
    messages = encode_announcement(sent[0]), b'{"personal": true, "schema": 1}', encode_personal_announcement(sent[1])
    producer = KafkaProducer(bootstrap_servers=[broker.bootstrap])
    for message in messages:
        producer.send(topics.RELEASES.name, key=b"any", value=message)
    producer.flush()
    producer.close()
    received = []
    async with asyncio.timeout(30), aclosing(announcements(broker.kafka, fetch_wait_ms=50)) as stream:
        async for announcement in stream:
            received.append(announcement)
            if len(received) == 2:
                break
    assert received == sent

"""Following a store: an announced release is pulled, verified and checked before it is used."""

import asyncio
import hashlib
import time
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

import msgspec
import pytest
from kafka import KafkaProducer

from har import topics
from har.artifacts import GoldenWindow
from har.channels import ChannelPointer, ReleaseAnnouncement, encode_announcement
from har.notices import ReleaseRejected
from model_store.client.fetching import BoundedFetcher
from model_store.client.last_good import ClientFolder
from model_store.client.release_client import ReleaseClient
from model_store.onnx_classifier import OnnxClassifier
from model_store.repository.publishing import promote, publish, rollback
from stream_processor.metrics import ProcessorMetrics
from stream_processor.release_following import MAX_LEAD_US, ReleaseUpdater, announcements
from stream_processor.release_loading import ReleaseLoader, release_client
from stream_processor.serving import ReleaseTimeline
from stream_processor.settings import ProcessorSettings
from tests.brokers import on_one_broker
from tests.model_store.client_of_store import HASTY
from tests.model_store.made_store import MadeStore
from tests.model_store.served_store import served
from tests.unreadable_batches import send_unreadable

BASELINE = OnnxClassifier.open("baseline")


class Followed:
    """A store with a server, and a processor that follows it."""

    def __init__(self, store, server, folder: Path) -> None:
        self.store, self.server, self.folder = store, server, folder
        self.metrics = ProcessorMetrics()
        self.rejections: list[ReleaseRejected] = []
        self.queue: asyncio.Queue[ReleaseAnnouncement] = asyncio.Queue()
        self.timeline = ReleaseTimeline(self.loader().last_good())

    def loader(self) -> ReleaseLoader:
        client = ReleaseClient(
            self.server.url, self.store.root, ClientFolder(self.folder), ("onnx",), BoundedFetcher(HASTY)
        )
        return ReleaseLoader(client, BASELINE, threads=1)

    def announce(self, pointer: ChannelPointer, *, in_us: int = 0) -> int:
        now = time.time_ns() // 1000
        self.queue.put_nowait(ReleaseAnnouncement(pointer=pointer, announced=now, effective=now + in_us))
        return now + in_us

    async def _announced(self):
        while True:
            yield await self.queue.get()

    @asynccontextmanager
    async def following(self, **options):
        follower = ReleaseUpdater(
            self.loader(),
            self.timeline,
            self._announced(),
            metrics=self.metrics,
            on_rejected=self.rejections.append,
            **{"interval_seconds": 60.0} | options,
        )
        task = asyncio.create_task(follower.run())
        try:
            yield follower
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    @property
    def names(self) -> dict[str, str]:
        return {channel: network.manifest.release for channel, network in self.timeline.now.networks.items()}

    async def until(self, **names: str) -> None:
        async with asyncio.timeout(20):
            while self.names != names:
                await asyncio.sleep(0.01)

    def rejected(self, reason: str) -> float:
        return self.metrics.registry.get_sample_value("har_release_rejected_total", {"reason": reason}) or 0.0

    async def until_rejected(self, reason: str) -> None:
        async with asyncio.timeout(20):
            while not self.rejected(reason):
                await asyncio.sleep(0.01)


@pytest.fixture
def followed(tmp_path):
    store = MadeStore.make(tmp_path)
    with served(Path(store.storage.url)) as server:
        yield Followed(store, server, tmp_path / "client")


async def test_an_announced_release_applies_from_its_effective_time(followed):
    async with followed.following():
        effective = followed.announce(followed.store.publish("one"), in_us=300_000)
        await followed.until(stable="one")
        before = followed.timeline.choice_for("phone", effective - 1)
        assert before.network.manifest.release == BASELINE.manifest.release
        assert followed.timeline.choice_for("phone", effective).network.manifest.release == "one"
        shown = followed.metrics.registry.get_sample_value("har_release", {"channel": "stable", "release": "one"})
        assert shown == 1


async def test_canary_promotion_and_rollback_are_followed(followed):
    store = followed.store
    async with followed.following():
        followed.announce(store.publish("one"))
        await followed.until(stable="one")
        followed.announce(store.publish("two", channel="canary", share=0.5))
        await followed.until(stable="one", canary="two")
        followed.announce(promote(store.storage, store.signing))
        await followed.until(stable="two")
        followed.announce(rollback(store.storage, store.signing))
        await followed.until(stable="one")


async def test_a_new_worker_uses_the_store_or_else_the_last_good_release(followed):
    followed.store.publish("one")
    first = followed.loader().pull({}, effective=0)
    assert first.networks["stable"].manifest.release == "one"
    followed.server.change = lambda name, content: None
    assert followed.loader().last_good().networks["stable"].manifest.release == "one"


async def test_a_release_that_fails_its_golden_window_is_rejected_and_the_old_one_stays(followed):
    async with followed.following():
        followed.announce(pointer := followed.store.publish("one"))
        await followed.until(stable="one")
        wrong = followed.store.release("wrong")
        golden = msgspec.json.decode((wrong / "golden.json").read_bytes(), type=GoldenWindow)
        rotated = golden.probabilities[1:] + golden.probabilities[:1]
        (wrong / "golden.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(golden, probabilities=rotated)))
        files = {f"releases/wrong/{path.name}": path.read_bytes() for path in wrong.iterdir()}
        digest = hashlib.sha256(files["releases/wrong/manifest.json"]).hexdigest()
        bad = msgspec.structs.replace(pointer, number=2, release="wrong", manifest_sha256=digest)
        followed.store.sign(files, bad)
        followed.announce(bad)
        await followed.until_rejected("unusable")
        assert followed.names == {"stable": "one"}
        assert (followed.rejections[0].serving, followed.rejections[0].reason) == ("one", "unusable")
        await asyncio.wait_for(followed.timeline.wait_for(time.time_ns()), 0.5)  # windows no longer wait for it
        # It is not kept as good either: a restarted processor uses the old one.
        assert followed.loader().last_good().networks["stable"].manifest.release == "one"


async def test_a_release_with_other_windows_is_rejected_with_advice(followed, caplog):
    store = followed.store
    longer = publish(store.storage, store.signing, store.release("longer", hop_us=2_000_000))
    async with followed.following():
        followed.announce(longer)
        await followed.until_rejected("unusable")
    assert "in a consumer group of its own" in caplog.text
    assert followed.names == {"stable": BASELINE.manifest.release}


async def test_an_unreachable_store_is_asked_again(followed):
    followed.server.change = lambda name, content: None
    async with followed.following():
        followed.announce(followed.store.publish("one"))
        await followed.until_rejected("unreachable")
        followed.server.change = lambda name, content: content
        await followed.until(stable="one")


async def test_a_store_without_the_announced_change_is_rejected(followed):
    folder = Path(followed.store.storage.url)
    followed.store.publish("one")
    kept = (folder / "metadata" / "timestamp.json").read_bytes()
    pointer = followed.store.publish("two")
    followed.server.change = lambda name, content: kept if name == "metadata/timestamp.json" else content
    async with followed.following():
        followed.announce(pointer)
        await followed.until_rejected("rolled back")


async def test_an_unsigned_announcement_does_not_block_signed_releases(followed):
    async with followed.following():
        one = followed.store.publish("one")
        followed.announce(msgspec.structs.replace(one, number=1_000_000))
        await followed.until(stable="one")  # the store has it, although another change was announced
        await followed.until_rejected("rolled back")
        followed.announce(followed.store.publish("two"))
        await followed.until(stable="two")


async def test_an_effective_time_far_ahead_does_not_delay_a_signed_release(followed):
    async with followed.following():
        followed.announce(followed.store.publish("one"), in_us=10**15)
        await followed.until(stable="one")
        soon = time.time_ns() // 1000 + 2 * MAX_LEAD_US
        assert followed.timeline.choice_for("phone", soon).network.manifest.release == "one"


async def test_an_unannounced_release_is_found_by_polling(followed):
    async with followed.following(interval_seconds=0.1):
        followed.store.publish("one")
        await followed.until(stable="one")


async def test_a_repeated_announcement_has_no_effect(followed):
    async with followed.following():
        pointer = followed.store.publish("one")
        effective = followed.announce(pointer)
        await followed.until(stable="one")
        followed.announce(pointer, in_us=10_000_000)
        await asyncio.sleep(0.3)
        assert followed.timeline.choice_for("phone", effective).network.manifest.release == "one"
        await asyncio.wait_for(followed.timeline.wait_for(effective + 20_000_000), 0.5)


async def test_announcements_are_read_from_the_beginning_and_invalid_ones_are_skipped(broker, followed):
    pointers = [followed.store.publish(name) for name in ("one", "two")]
    producer = KafkaProducer(bootstrap_servers=[broker.bootstrap])
    messages = [
        encode_announcement(ReleaseAnnouncement(pointer=pointer, announced=1, effective=2)) for pointer in pointers
    ]
    for message in (messages[0], b"nonsense", b'{"schema": 1, "pointer": {"release": "\xff"}}', messages[1]):
        producer.send(topics.RELEASES.name, key=b"stable", value=message)
    producer.flush()
    producer.close()
    received = []
    async with asyncio.timeout(30), aclosing(announcements(broker.kafka, fetch_wait_ms=50)) as stream:
        async for announcement in stream:
            received.append(announcement.pointer)
            if len(received) == 2:
                break
    assert received == pointers


@on_one_broker
async def test_a_batch_of_announcements_that_cannot_be_read_is_skipped(broker, followed, caplog):
    send_unreadable(broker.bootstrap, topics.RELEASES.name)
    pointer = followed.store.publish("one")
    producer = KafkaProducer(bootstrap_servers=[broker.bootstrap])
    announcement = ReleaseAnnouncement(pointer=pointer, announced=1, effective=2)
    producer.send(topics.RELEASES.name, key=b"stable", value=encode_announcement(announcement)).get(10)
    producer.close()
    async with asyncio.timeout(30), aclosing(announcements(broker.kafka, fetch_wait_ms=50)) as stream:
        assert await anext(stream) == announcement
    assert caplog.text.count("offsets 0 to 2 cannot be read: gzip") == 1


def test_two_processors_on_a_machine_keep_their_releases_apart(followed, tmp_path):
    root = tmp_path / "trusted_root.json"
    root.write_bytes(followed.store.root)
    settings = ProcessorSettings(
        store_url=followed.server.url, trusted_root=root, data_folder=tmp_path / "data", redis_url="redis://127.0.0.1"
    )
    one, other = release_client(settings), release_client(settings)
    assert one.folder.path != other.folder.path

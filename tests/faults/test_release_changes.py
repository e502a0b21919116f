"""Releases that are published while phones stream: every window once, and each device changes over once."""

import asyncio
import time
from contextlib import closing

import pytest
from kafka import KafkaConsumer

from deploy.audit.findings import Audit
from deploy.audit.summary import PredictionWatch
from deploy.local_store import LocalStore
from har import topics
from har.channels import decode_announcement
from har.predictions import Prediction, decode_prediction
from model_store.release_folder import open_release
from model_store.repository.contents import history, pointers
from model_store.repository.publishing import publish
from model_store.repository.signed_state import read_state
from model_store.repository.storage import Storage
from tests.faults.conftest import PHONES, by_length
from tests.faults.stage import AUDIT_WAIT_SECONDS
from tests.model_store.made_store import other_release

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(by_length(300, 1_200))]


@pytest.fixture
async def stage(one_broker, open_stage, tmp_path):
    return await open_stage(one_broker.bootstrap, store=LocalStore(tmp_path / "releases"))


class Switching:
    """Publishes other releases, and tells when the first prediction of each was seen."""

    def __init__(self, stage, folder) -> None:
        self.stage, self.folder = stage, folder
        self.names: list[str] = []
        self.folders = {"baseline": "baseline"}

    async def publish(self, name: str, *, shift: float | None = None, **options: object) -> None:
        """Publish a release that answers otherwise, a little or as much as is said."""
        store = self.stage.stack.store
        shift = 0.05 * (len(self.names) + 1) if shift is None else shift
        made = await asyncio.to_thread(other_release, self.folder / "made", name, shift)
        await asyncio.to_thread(publish, Storage(store.url), store.signing, made, **options)
        self.names.append(name)
        self.folders[name] = str(made)

    async def audits(self) -> dict[str, Audit]:
        """Audit by each release."""
        audits = [self.stage.audit(wait_seconds=AUDIT_WAIT_SECONDS, release=folder) for folder in self.folders.values()]
        return dict(zip(self.folders, await asyncio.gather(*audits), strict=True))

    def channels(self) -> dict[str, str | None]:
        """What the channels point to."""
        storage = Storage(self.stage.stack.store.url)
        return {channel: each.release for channel, each in pointers(storage, read_state(storage)).items()}

    async def seen(self, watch: PredictionWatch, name: str, seconds: float = 60) -> None:
        """Wait until a release classifies."""
        await self.stage.until(
            lambda: any(each.release == name for each in list(watch.wait_for_count(0, 0).predictions.values())),
            f"{name} to classify",
            seconds,
        )


def switch_seconds(bootstrap: str) -> dict[str, float]:
    """Return how long after its announcement each release's first prediction was in Kafka, by Kafka's clock, s."""
    announced = {}
    for record in records(bootstrap, topics.RELEASES.name):
        said = decode_announcement(record.value)
        announced.setdefault(said.pointer.release, said.announced / 1_000_000)
    first: dict[str, float] = {}
    for record in records(bootstrap, topics.PREDICTIONS.name):
        first.setdefault(decode_prediction(record.value).release, record.timestamp / 1_000)
    return {name: round(first[name] - at, 2) for name, at in announced.items() if name.startswith(("while", "in"))}


def records(bootstrap: str, topic: str) -> list:
    """Return all that a topic holds."""
    consumer = KafkaConsumer(topic, bootstrap_servers=bootstrap.split(","), auto_offset_reset="earliest")
    with closing(consumer):
        found, deadline = [], time.monotonic() + 60
        while time.monotonic() < deadline:
            polled = [record for some in consumer.poll(1_000).values() for record in some]
            found += polled
            if found and not polled:
                break
    return sorted(found, key=lambda record: record.timestamp)


async def test_releases_take_over_while_phones_stream_in_a_rebalance_and_after_the_store_was_away(
    stage, one_broker, tmp_path, report
):
    switching = Switching(stage, tmp_path)
    await stage.start_phones(PHONES)
    watch = PredictionWatch(one_broker.bootstrap)
    watch.start()
    try:
        await switching.seen(watch, open_release("baseline").manifest.release)
        await switching.publish("while-streaming")
        await switching.seen(watch, "while-streaming")
        await asyncio.sleep(by_length(2, 20))

        joining = asyncio.create_task(stage.stack.start_processor(2))
        await stage.until_rebalancing()
        await switching.publish("in-a-rebalance")
        await joining
        await switching.seen(watch, "in-a-rebalance")
        await asyncio.sleep(by_length(2, 20))

        await stage.group.stop(stage.part("store"))
        await switching.publish("while-the-store-is-away")
        await asyncio.sleep(by_length(5, 60))
        seen = watch.wait_for_count(0, 0)
        assert not any(each.release == "while-the-store-is-away" for each in list(seen.predictions.values()))
        await stage.stack.start_store()
        await switching.seen(watch, "while-the-store-is-away")
        await asyncio.sleep(by_length(2, 20))
        await stage.stop_phones()
    finally:
        watch.close()
    audits = await switching.audits()
    seconds = switch_seconds(one_broker.bootstrap)
    for name, audit in audits.items():
        report(f"releases published meanwhile, audited by {name}", audit, seconds_from_announcement=seconds)
    last = audits["while-the-store-is-away"]
    assert set(last.releases) == {open_release("baseline").manifest.release, *switching.names}
    assert last.most_release_changes == len(switching.names)
    assert sum(audit.windows_compared for audit in audits.values()) == last.windows_answered


async def test_a_bad_canary_is_ended_by_itself_and_a_good_one_is_promoted(one_broker, open_stage, tmp_path, report):
    options = ("--auto", "--canary-devices", "3", "--canary-windows", "60", "--canary-seconds", "5")
    stage = await open_stage(one_broker.bootstrap, store=LocalStore(tmp_path / "releases", options))
    switching = Switching(stage, tmp_path)
    share = by_length(0.4, 0.1)
    await stage.start_phones(by_length(20, PHONES))  # with fewer it takes longer until enough windows are compared
    watch = PredictionWatch(one_broker.bootstrap)
    watch.start()
    try:
        baseline = open_release("baseline").manifest.release
        await switching.seen(watch, baseline)
        # As if up were down: it is sure of itself, and wrong.
        await switching.publish("worse", shift=19.6, channel="canary", share=share)
        await switching.seen(watch, "worse")
        await stage.until(
            lambda: switching.channels() == {"stable": baseline, "canary": None}, "the bad canary's end", 120, every=0.5
        )
        await asyncio.sleep(by_length(2, 20))
        await switching.publish("better", channel="canary", share=share)
        await switching.seen(watch, "better")
        await stage.until(
            lambda: switching.channels() == {"stable": "better", "canary": None},
            "the promotion",
            by_length(120, 300),
            every=0.5,
        )
        await stage.until(lambda: releases_of_latest(watch) == {"better"}, "all devices to change over", 60)
        await stage.stop_phones()
    finally:
        watch.close()
    storage = Storage(stage.stack.store.url)
    changes = [(each.channel, each.change, each.reason) for each in history(storage, read_state(storage))]
    assert [(channel, change) for channel, change, _ in changes] == [
        ("stable", "publish"),
        ("canary", "publish"),
        ("canary", "rollback"),
        ("canary", "publish"),
        ("stable", "promote"),
        ("canary", "promote"),
    ]
    assert "judged automatically: agreement with stable" in changes[2][2]
    audits = await switching.audits()
    for name, audit in audits.items():
        report(f"a bad canary and a good one, audited by {name}", audit, reasons=[said for *_, said in changes[2::2]])
    last = audits["better"]
    assert last.most_release_changes == 3  # to the bad one, back, and to the good one
    assert sum(audit.windows_compared for audit in audits.values()) == last.windows_answered


def releases_of_latest(watch: PredictionWatch) -> set[str]:
    """Return which releases answered the latest window of each device."""
    latest: dict[str, Prediction] = {}
    for each in sorted(list(watch.wait_for_count(0, 0).predictions.values()), key=lambda each: each.start):
        latest[each.device] = each
    return {each.release for each in latest.values()}

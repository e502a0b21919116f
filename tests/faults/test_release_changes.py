"""Releases published while phones stream: every window once, and each device switches once."""

import asyncio
import time
from contextlib import closing

import pytest
from kafka import KafkaConsumer

from deploy.audit.findings import Audit
from deploy.audit.prediction_watch import PredictionWatch
from deploy.local_store import LocalStore
from har import topics
from har.channels import ChannelPointer, decode_announcement
from har.predictions import Prediction, decode_prediction
from model_store.release_folder import open_release
from model_store.repository.contents import history, pointers
from model_store.repository.publishing import publish
from model_store.repository.signed_state import read_state
from model_store.repository.storage import Storage
from tests.faults.conftest import PHONES, by_length, not_in_short_run
from tests.faults.stage import AUDIT_WAIT_SECONDS
from tests.model_store.made_store import other_release
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(by_length(300, 1_200))]


@pytest.fixture
async def stage(one_broker, open_stage, tmp_path):
    return await open_stage(one_broker.kafka, store=LocalStore(tmp_path / "releases"))


class Switching:
    """Publishes releases, and waits for the first prediction of each."""

    def __init__(self, stage, folder) -> None:
        self.stage, self.folder = stage, folder
        self.storage = Storage(stage.stack.store.url)
        self.names: list[str] = []
        self.folders = {"baseline": "baseline"}

    async def publish(self, name: str, *, shift: float | None = None, **options: object) -> None:
        """Publish a release whose predictions differ, by a little or by `shift`."""
        store = self.stage.stack.store
        shift = 0.05 * (len(self.names) + 1) if shift is None else shift
        made = await asyncio.to_thread(other_release, self.folder / "made", name, shift)
        await asyncio.to_thread(publish, self.storage, store.signing, made, **options)
        self.names.append(name)
        self.folders[name] = str(made)

    async def audits(self) -> dict[str, Audit]:
        """Audit with each release."""
        audits = [self.stage.audit(wait_seconds=AUDIT_WAIT_SECONDS, release=folder) for folder in self.folders.values()]
        return dict(zip(self.folders, await asyncio.gather(*audits), strict=True))

    def channels(self) -> dict[str, str | None]:
        """Return the release of each channel."""
        state = read_state(self.storage)
        return {channel: pointer.release for channel, pointer in pointers(self.storage, state).items()}

    def changes(self) -> list[ChannelPointer]:
        """Return all changes of the channels."""
        return history(self.storage, read_state(self.storage))

    def is_promoted(self, name: str) -> bool:
        """Return whether a canary has become stable; fail with the reason if it was ended instead."""
        channels = self.channels()
        if channels["canary"] is None and channels["stable"] != name:
            pytest.fail(f"the canary {name} was ended: {self.changes()[-1].reason}")
        return channels == {"stable": name, "canary": None}

    async def wait_for_prediction(self, watch: PredictionWatch, name: str, seconds: float = 60) -> None:
        """Wait for the first prediction of a release."""
        await until(
            lambda: any(made.release == name for made in list(watch.wait_for_count(0, 0).predictions.values())),
            f"{name} to classify",
            seconds,
        )


def switch_seconds(bootstrap: str) -> dict[str, float]:
    """Return the time from each release's announcement to its first prediction, by Kafka's clock, s."""
    announced = {}
    for record in records(bootstrap, topics.RELEASES.name):
        announcement = decode_announcement(record.value)
        announced.setdefault(announcement.pointer.release, announcement.announced / 1_000_000)
    first: dict[str, float] = {}
    for record in records(bootstrap, topics.PREDICTIONS.name):
        first.setdefault(decode_prediction(record.value).release, record.timestamp / 1_000)
    return {name: round(first[name] - at, 2) for name, at in announced.items() if name.startswith(("while", "in"))}


def records(bootstrap: str, topic: str) -> list:
    """Return all records of a topic."""
    consumer = KafkaConsumer(topic, bootstrap_servers=bootstrap.split(","), auto_offset_reset="earliest")
    with closing(consumer):
        found, deadline = [], time.monotonic() + 60
        while time.monotonic() < deadline:
            polled = [record for partition in consumer.poll(1_000).values() for record in partition]
            found += polled
            if found and not polled:
                break
    return sorted(found, key=lambda record: record.timestamp)


async def test_releases_switch_while_phones_stream_in_a_rebalance_and_after_the_store_was_away(
    stage, one_broker, tmp_path, report
):
    switching = Switching(stage, tmp_path)
    await stage.start_phones(PHONES)
    watch = PredictionWatch(one_broker.kafka)
    watch.start()
    try:
        await switching.wait_for_prediction(watch, open_release("baseline").manifest.release)
        await switching.publish("while-streaming")
        await switching.wait_for_prediction(watch, "while-streaming")
        await asyncio.sleep(by_length(2, 20))

        joining = asyncio.create_task(stage.stack.start_processor(2))
        await stage.until_rebalancing()
        await switching.publish("in-a-rebalance")
        await joining
        await switching.wait_for_prediction(watch, "in-a-rebalance")
        await asyncio.sleep(by_length(2, 20))

        await stage.group.stop(stage.part("store"))
        await switching.publish("while-the-store-is-away")
        await asyncio.sleep(by_length(5, 60))
        seen = watch.wait_for_count(0, 0)
        assert not any(made.release == "while-the-store-is-away" for made in list(seen.predictions.values()))
        await stage.stack.start_store()
        await switching.wait_for_prediction(watch, "while-the-store-is-away")
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


@not_in_short_run  # tests/model_store/server/test_canary_judge.py ends and promotes canaries on both brokers
async def test_a_bad_canary_is_ended_automatically_and_a_good_one_is_promoted(one_broker, open_stage, tmp_path, report):
    options = ("--auto", "--canary-devices", "3", "--canary-windows", "60", "--canary-seconds", "5")
    stage = await open_stage(one_broker.kafka, store=LocalStore(tmp_path / "releases", options))
    switching = Switching(stage, tmp_path)
    share = by_length(0.4, 0.1)
    await stage.start_phones(by_length(20, PHONES))  # with fewer it takes longer until enough windows are compared
    watch = PredictionWatch(one_broker.kafka)
    watch.start()
    try:
        baseline = open_release("baseline").manifest.release
        await switching.wait_for_prediction(watch, baseline)
        # As if up were down: its predictions are confident and wrong.
        await switching.publish("worse", shift=19.6, channel="canary", share=share)
        await switching.wait_for_prediction(watch, "worse")
        await until(
            lambda: switching.channels() == {"stable": baseline, "canary": None}, "the bad canary's end", 120, every=0.5
        )
        await asyncio.sleep(by_length(2, 20))
        await switching.publish("better", shift=0.01, channel="canary", share=share)  # agrees on almost every window
        await switching.wait_for_prediction(watch, "better")
        await until(lambda: switching.is_promoted("better"), "the promotion", by_length(120, 300), every=0.5)
        await until(lambda: releases_of_latest(watch) == {"better"}, "all devices to switch", 60)
        await stage.stop_phones()
    finally:
        watch.close()
    changes = [(entry.channel, entry.change, entry.reason) for entry in switching.changes()]
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
        report(
            f"a bad canary and a good one, audited by {name}", audit, reasons=[reason for *_, reason in changes[2::2]]
        )
    last = audits["better"]
    assert last.most_release_changes == 3  # to the bad one, back, and to the good one
    assert sum(audit.windows_compared for audit in audits.values()) == last.windows_answered


def releases_of_latest(watch: PredictionWatch) -> set[str]:
    """Return the releases of the latest windows of all devices."""
    latest: dict[str, Prediction] = {}
    for made in sorted(list(watch.wait_for_count(0, 0).predictions.values()), key=lambda made: made.start):
        latest[made.device] = made
    return {made.release for made in latest.values()}

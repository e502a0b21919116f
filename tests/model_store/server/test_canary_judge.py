"""The server judges the canary by the comparisons in Kafka: it ends a bad one, and may promote a good one."""

import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import LogTruncationError

from har import topics
from har.comparisons import encode_comparison
from har.labels import encode_label
from model_store.canary.judgement import CanaryLimits
from model_store.repository.contents import history, pointers
from model_store.repository.signed_state import read_state
from tests.brokers import on_one_broker
from tests.model_store.canary.test_judgement import evidence
from tests.model_store.server.test_store_server import Server
from tests.unreadable_batches import send_unreadable
from tests.waiting import wait_for

SOON = CanaryLimits(devices=5, windows=300, seconds=0.0)


@pytest.fixture
def canary(store):
    """A store with a stable release and a canary, named as in the simulated evidence."""
    store.publish("old")
    store.publish("new", channel="canary", share=0.1)
    return store


def send_evidence(broker, made) -> None:
    producer = KafkaProducer(bootstrap_servers=[broker.bootstrap])
    producer.send(topics.COMPARISONS.name, key=b"phone", value=b"nonsense")
    producer.send(topics.LABELS.name, key=b"phone", value=b"nonsense")
    for labels in made._labels._by_session.values():
        for label in labels:
            producer.send(topics.LABELS.name, key=label.device.encode(), value=encode_label(label))
    for comparison in made._windows.values():
        producer.send(topics.COMPARISONS.name, key=comparison.device.encode(), value=encode_comparison(comparison))
    producer.flush()
    producer.close()


def names(store) -> dict[str, str | None]:
    return {channel: each.release for channel, each in pointers(store.storage, read_state(store.storage)).items()}


def wait_for_channels(store, **expected: str | None) -> None:
    wait_for(lambda: names(store) == expected, lambda: f"the channels {expected}; they are {names(store)}")


def judgement(server, verdict: str, windows: int) -> dict:
    """Wait for a judgement with this verdict and number of windows."""
    path = "/channels/canary/judgement"

    def found() -> dict | None:
        answer = server.get(path)
        judgement = answer.json()["judgement"] if answer.status == 200 else {}
        return judgement if (judgement.get("verdict"), judgement.get("windows")) == (verdict, windows) else None

    return wait_for(found, lambda: f"the verdict {verdict!r} on {windows} windows; it is {server.get(path).data!r}")


def test_canary_that_breaches_a_limit_is_ended_with_the_reason(canary, broker):
    with Server(canary, kafka=broker.kafka, limits=SOON):
        send_evidence(broker, evidence(agreement=0.3))
        wait_for_channels(canary, stable="old", canary=None)
    last = history(canary.storage, read_state(canary.storage))[-1]
    assert (last.change, last.replaced) == ("rollback", "new")
    assert last.reason.startswith("judged automatically: agreement with stable 0.")


@on_one_broker
def test_batches_that_cannot_be_read_do_not_stop_the_judge(canary, broker, caplog):
    for topic in (topics.COMPARISONS, topics.LABELS):
        send_unreadable(broker.bootstrap, topic.name)
    with Server(canary, kafka=broker.kafka, limits=SOON):
        send_evidence(broker, evidence(agreement=0.3))
        wait_for_channels(canary, stable="old", canary=None)
    assert caplog.text.count("offsets 0 to 2 cannot be read: gzip") == 2


@on_one_broker
def test_a_log_that_was_cut_short_does_not_stop_the_judge(canary, broker, monkeypatch):
    poll, first = KafkaConsumer.poll, []

    def meet_the_cut(consumer, *arguments, **options):
        """Do as kafka-python does at a position that the log has no more: raise at each poll of this consumer."""
        first[:] = first or [consumer]
        if consumer is first[0]:
            raise LogTruncationError({})
        return poll(consumer, *arguments, **options)

    monkeypatch.setattr(KafkaConsumer, "poll", meet_the_cut)
    with Server(canary, kafka=broker.kafka, limits=SOON):
        send_evidence(broker, evidence(agreement=0.3))
        wait_for_channels(canary, stable="old", canary=None)


@on_one_broker
def test_passing_canary_is_promoted_with_auto(canary, broker):
    with Server(canary, kafka=broker.kafka, limits=SOON, auto=True):
        send_evidence(broker, evidence())
        wait_for_channels(canary, stable="new", canary=None)
    (promoted,) = [each for each in history(canary.storage, read_state(canary.storage)) if each.change == "promote"][
        -1:
    ]
    assert "agreement with stable 0.9" in promoted.reason


def test_passing_canary_waits_for_a_person_without_auto(canary, broker):
    with Server(canary, kafka=broker.kafka, limits=SOON) as server:
        send_evidence(broker, evidence(labelled=6, canary_right=0.99, stable_right=0.98))
        found = judgement(server, "pass", 480)
        assert (found["devices"], found["windows"], found["labelled_windows"]) == (8, 480, 360)
        assert [check["what"] for check in found["checks"]][-1] == "accuracy against stable"
        assert names(canary) == {"stable": "old", "canary": "new"}


@on_one_broker
def test_evidence_is_not_shared_between_canaries(canary, broker):
    with Server(canary, kafka=broker.kafka, limits=SOON) as server:
        send_evidence(broker, evidence())
        judgement(server, "pass", 480)
        canary.publish("newer", channel="canary", share=0.1)
        judgement(server, "wait", 0)


@on_one_broker
def test_no_judgement_without_a_canary_or_a_judge(store, broker):
    store.publish("old")
    with Server(store, kafka=broker.kafka, limits=SOON) as server:
        assert server.get("/channels/canary/judgement").status == 404
    store.publish("new", channel="canary", share=0.1)
    with Server(store) as server:
        assert b"the canary is not judged" in server.get("/channels/canary/judgement").data

"""A fault in one place has no effect elsewhere, on the embedded broker; `tests/faults` does more, on Apache Kafka."""

import os
import signal
import subprocess

import pytest
from kafka import KafkaProducer

from deploy.audit.auditing import audit
from deploy.audit.text import describe
from deploy.stack import GATEWAY, har
from har import topics
from har.binary_samples import encode_batch
from tests.batches import live_batches
from tests.system.conftest import on_one_system

pytestmark = [pytest.mark.kafka, on_one_system]
SERVICES = (GATEWAY,)


def simulate(system, journal: str, seconds: int, *, devices: int = 3, first: int = 0) -> subprocess.Popen[bytes]:
    words = ("simulate", "--devices", str(devices), "--first", str(first), "--seconds", str(seconds))
    command = har(*words, "--gateway", system.stack.addresses.gateway_url, "--journal", str(system.folder / journal))
    return subprocess.Popen(command)


def check_is_clean(system, journal: str) -> None:
    found = audit(system.stack.addresses.kafka, journals=system.folder / journal, wait_seconds=60)
    assert found.windows_expected > 10
    assert found.is_clean, describe(found)


def test_poison_in_the_log_is_dead_lettered_and_the_stream_continues(system):
    with simulate(system, "poison", 10) as phones:
        producer = KafkaProducer(bootstrap_servers=system.stack.addresses.kafka.servers)
        valid = encode_batch(live_batches(1, device="mallory")[0])
        for number in range(300):
            damaged = bytearray(valid)
            damaged[number % 60] ^= 0xFF
            producer.send(topics.SAMPLES.name, key=b"mallory", value=bytes(damaged))
        producer.flush()
        producer.close()
        assert phones.wait(60) == 0
    check_is_clean(system, "poison")


@pytest.mark.parametrize(("part", "first"), [("processor", 3), ("gateway", 6)])
def test_nothing_is_lost_if_a_part_is_killed(system, part, first):
    with simulate(system, part, 12, first=first) as phones:
        with pytest.raises(subprocess.TimeoutExpired):
            phones.wait(5)
        running = system.stack.programs[part]
        os.kill(running.process.pid, signal.SIGKILL)
        system.run(system.stack.group.stop(running))
        system.run(getattr(system.stack, f"start_{part}")())
        assert phones.wait(60) == 0
    check_is_clean(system, part)

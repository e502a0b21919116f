import asyncio
import subprocess
import sys

import pytest

from har import topics
from har.binary_samples import decode_batch
from ingest.senders.journal import read_journals
from tests.brokers import on_one_broker
from tests.ingest.gateway.running_gateway import gateway_on, measure, until_metric

pytestmark = pytest.mark.slow


def simulate(address: str, folder, *words: str):
    command = [sys.executable, "-m", "deploy", "simulate", "--gateway", f"ws://{address}/v1/samples"]
    command += ["--devices", "3", "--journal", str(folder), *words]
    return asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)


async def test_journals_of_killed_phones_contain_only_readings_that_kafka_has(broker, tmp_path):
    async with gateway_on(broker) as address:
        phones = await simulate(address, tmp_path)
        await until_metric(address, "har_batches_accepted_total", lambda accepted: accepted > 20, 60)
        phones.kill()
        await phones.wait()
        await until_metric(address, "har_unconfirmed", lambda waiting: waiting == 0, 30)
    journals = list(read_journals(tmp_path))
    batches = sum(count for _, count in journals)
    assert len(journals) == 3
    assert batches > 15
    stored: dict[str, set[int]] = {}
    for record in broker.read(topics.SAMPLES.name, batches):
        batch = decode_batch(record.value)
        stored.setdefault(batch.device, set()).update(batch.times.tolist())
    for recording, _ in journals:
        assert stored[recording.device] >= set(recording.times.tolist())


@on_one_broker
async def test_stopped_phones_wait_for_answers_for_finish_seconds(broker, tmp_path):
    async with gateway_on(broker) as address:
        phones = await simulate(address, tmp_path, "--seconds", "3", "--finish-seconds", "60")
        await until_metric(address, "har_batches_accepted_total", lambda accepted: accepted > 0, 60)
        broker.freeze()
        try:
            await asyncio.wait_for(phones.wait(), 9)
        except TimeoutError:
            assert await measure(address, "har_unconfirmed") > 0
        else:
            raise AssertionError("the phones ended before their batches were answered")
        broker.unfreeze()
        assert await asyncio.wait_for(phones.wait(), 60) == 0
        accepted = sum(count for _, count in read_journals(tmp_path))
        assert await measure(address, "har_batches_accepted_total") == accepted

"""What `har simulate` does with the answers of the gateway, and at its end."""

import asyncio
import signal
import sys

import pytest

from ingest.senders.journal import read_journals
from ingest.senders.simulate import Answers
from tests.brokers import on_one_broker
from tests.ingest.gateway.running_gateway import gateway_on
from tests.waiting import until


@pytest.mark.parametrize(
    ("answers", "reached"),
    [
        (Answers(3, 0, 0), True),
        (Answers(0, 0, 0), False),
        (Answers(0, 0, 3), False),
        (Answers(3, 1, 0), False),
        (Answers(3, 0, 1), False),
    ],
)
def test_the_purpose_is_that_kafka_has_every_batch(answers, reached):
    assert answers.reaches_purpose == reached


@on_one_broker
async def test_phones_that_are_stopped_before_their_time_end_with_130(broker, tmp_path):
    async with gateway_on(broker) as address:
        words = ["simulate", "--devices", "1", "--seconds", "600", "--journal", str(tmp_path)]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "deploy", *words, "--gateway", f"ws://{address}/v1/samples"),
            stderr=asyncio.subprocess.PIPE,
        )
        # The journal itself is there from the beginning.
        await until(lambda: list(read_journals(tmp_path)), "a first acknowledgement", 60)
        process.send_signal(signal.SIGTERM)
        _, errors = await process.communicate()
    assert process.returncode == 130
    assert b"stopped before its 600 s were over" in errors.splitlines()[-1]

"""What `har simulate` does with the answers of the gateway, and at its end."""

import asyncio

import pytest

from ingest.senders.simulate import Answers, _unless


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


async def test_a_phone_that_waits_for_a_full_buffer_stops():
    stop, room = asyncio.Event(), asyncio.Event()
    sending = asyncio.create_task(_unless(stop, _wait(room)))
    await asyncio.sleep(0)
    stop.set()
    await asyncio.wait_for(sending, 10)


async def test_the_failure_of_a_phone_is_raised():
    async def fail() -> None:
        raise RuntimeError("rejected")

    with pytest.raises(RuntimeError, match="rejected"):
        await _unless(asyncio.Event(), fail())


async def _wait(event: asyncio.Event) -> None:
    await event.wait()

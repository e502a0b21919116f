"""Several commands to Redis at once, each with an outcome of its own, on one server and on a cluster.

On a cluster, commands that name several keys work only within one hash slot, and a pipeline cannot publish. So keys are
read and written one by one, in a pipeline, and messages are published in turn; the nodes pass them on to each other.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, TypeVar

from har.process.redis_clients import OpenedRedis
from har.process.redis_errors import kind_of

Command = TypeVar("Command")
Key = TypeVar("Key", bound=bytes | str)

#: Most keys that are read at once.
KEYS_PER_REQUEST = 100

#: What became of a command: its result, or the error that Redis answered.
Outcome = Any


async def publish_each(opened: OpenedRedis[Any], messages: Sequence[tuple[str, bytes]]) -> list[Outcome]:
    """Publish messages in order; return one outcome each.

    Parameters
    ----------
    opened : OpenedRedis
        An asynchronous client.
    messages : sequence of (channel, message)
        What to publish.

    Raises
    ------
    Exception
        What the client raises if the connection fails (`har.process.redis_clients.failures_of`). On one server, some
        messages may have been published.
    """
    if opened.is_cluster:
        return await _publish_in_turn(opened, messages)
    pipeline = opened.client.pipeline(transaction=False)
    for channel, message in messages:
        pipeline.publish(channel, message)
    return list(await pipeline.execute(raise_on_error=False))


async def _publish_in_turn(cluster: OpenedRedis[Any], messages: Sequence[tuple[str, bytes]]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for channel, message in messages:
        try:
            outcomes.append(await cluster.client.publish(channel, message))
        except Exception as error:  # of any kind: what was published before must not be published again
            return outcomes + [error] * (len(messages) - len(outcomes))
    return outcomes


async def set_each(opened: OpenedRedis[Any], values: Iterable[tuple[str, bytes, int]]) -> list[Outcome]:
    """Set keys; return one outcome each.

    Parameters
    ----------
    opened : OpenedRedis
        An asynchronous client.
    values : iterable of (key, value, seconds)
        What to set, and after how many seconds Redis removes it.

    Raises
    ------
    Exception
        As for `publish_each`.
    """
    pipeline = opened.client.pipeline(transaction=False)
    for key, value, seconds in values:
        pipeline.set(key, value, ex=seconds)
    return list(await pipeline.execute(raise_on_error=False))


async def found_values(opened: OpenedRedis[Any], keys: Sequence[Key]) -> AsyncIterator[tuple[Key, bytes | Exception]]:
    """Read keys, some at a time, and yield those that exist.

    Yields
    ------
    key : bytes or str
        A key.
    found : bytes or Exception
        Its value, or the error of a key of another type, which another system wrote.

    Raises
    ------
    Exception
        As for `publish_each`; also any error of a key that is not about its type.
    """
    for first in range(0, len(keys), KEYS_PER_REQUEST):
        asked = keys[first : first + KEYS_PER_REQUEST]
        pipeline = opened.client.pipeline(transaction=False)
        for key in asked:
            pipeline.get(key)
        for key, outcome in zip(asked, await pipeline.execute(raise_on_error=False), strict=True):
            if isinstance(outcome, Exception) and kind_of(outcome) != "WRONGTYPE":
                raise outcome
            if outcome is not None:
                yield key, outcome


def first_error(outcomes: Iterable[Outcome]) -> Exception | None:
    """Return the first outcome that is an error, or None."""
    return next((outcome for outcome in outcomes if isinstance(outcome, Exception)), None)


def failed_of(commands: Sequence[Command], outcomes: Sequence[Outcome]) -> list[Command]:
    """Return the commands whose outcome is an error."""
    return [command for command, outcome in zip(commands, outcomes, strict=True) if isinstance(outcome, Exception)]

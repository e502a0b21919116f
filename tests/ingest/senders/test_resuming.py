"""The logs that interrupted connections may leave in Kafka of one session, and how the processor assembles them."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har.assembly import SessionWindows
from har.batching import LiveBatches, SessionName
from har.samples import Axes, SampleBatch, Times
from har.windowing import WindowSpec, recording_windows
from ingest.gateway.settings import GatewaySettings

SPEC = WindowSpec()
START = 1_700_000_000_000_000
IN_FLIGHT = GatewaySettings().max_unconfirmed_per_connection


@dataclass
class Connection:
    """A connection: its batches arrive in Kafka in order, at any time after sending; the last ones perhaps never."""

    first: int
    sent_until: int
    arrived_until: int

    @property
    def has_more(self) -> bool:
        return self.arrived_until < self.sent_until


@dataclass(frozen=True)
class Session:
    """How a phone's readings are generated and cut into batches."""

    seed: int
    rate_hz: int
    batch_readings: int
    seconds: int = 14


@cache
def readings_of(session: Session) -> tuple[Times, Axes]:
    random = np.random.default_rng(session.seed)
    count = session.rate_hz * session.seconds
    grid = np.arange(count) * 1_000_000 // session.rate_hz
    times = START + grid + random.integers(0, 900_000 // session.rate_hz, count)
    return times, random.normal(0, 4, (count, 3)).astype(np.float32)


@cache
def batches_of(session: Session) -> list[SampleBatch]:
    cutter = LiveBatches(SessionName("d", "s"), session.batch_readings)
    cutter.add(*readings_of(session))
    batches = []
    while cutter.has_any:
        batches.append(cutter.cut())
    return batches


@cache
def windows_of(session: Session) -> dict[int, bytes]:
    windows = recording_windows(*readings_of(session), SPEC)
    return {start: values.tobytes() for start, values in zip(windows.starts.tolist(), windows.values, strict=True)}


@dataclass(frozen=True)
class Log:
    """The sequence numbers of a session in Kafka, in order of arrival."""

    session: Session
    sequences: list[int]

    @property
    def messages(self) -> list[SampleBatch]:
        return [batches_of(self.session)[sequence] for sequence in self.sequences]


@st.composite
def logs_of_interrupted_connections(draw):
    """Draw the log of a session that was sent over connections which were interrupted at any moment.

    The phone sends at most `IN_FLIGHT` unacknowledged batches. It begins each connection with the first batch that was
    not acknowledged, until all are. The batches of a connection arrive in order, also long after it was interrupted,
    and through any gateway.
    """
    rate_hz, batch_readings = draw(st.sampled_from([(50, 50), (50, 100), (200, 50), (200, 25)]))
    session = Session(draw(st.integers(0, 9)), rate_hz, batch_readings)
    batches = len(batches_of(session))
    log: list[int] = []
    acknowledged = 0
    connections = [Connection(0, 0, 0)]

    def send_some(count: int) -> None:
        now = connections[-1]
        now.sent_until = min(now.sent_until + count, acknowledged + IN_FLIGHT, batches)

    def let_arrive(connection: Connection, count: int) -> None:
        until = min(connection.arrived_until + count, connection.sent_until)
        log.extend(range(connection.arrived_until, until))
        connection.arrived_until = until

    steps = st.tuples(
        st.sampled_from(["send", "arrive", "arrive late", "acknowledge", "cut"]), st.integers(1, IN_FLIGHT)
    )
    for step, count in draw(st.lists(steps, min_size=5, max_size=60)):
        now = connections[-1]
        if step == "send":
            send_some(count)
        elif step == "arrive":
            let_arrive(now, count)
        elif step == "arrive late" and len(connections) > 1:
            let_arrive(connections[count % (len(connections) - 1)], count)
        elif step == "acknowledge":
            acknowledged = max(acknowledged, min(acknowledged + count, now.arrived_until))
        elif step == "cut":
            connections.append(Connection(acknowledged, acknowledged, acknowledged))
    while acknowledged < batches:
        send_some(IN_FLIGHT)
        let_arrive(connections[-1], IN_FLIGHT)
        acknowledged = connections[-1].arrived_until
    for number in draw(st.permutations(range(len(connections)))):
        if draw(st.booleans()):
            let_arrive(connections[number], IN_FLIGHT)
    return Log(session, log)


def assemble(log: list[SampleBatch], *, begin: int = 0):
    """Return windows by start, positions that are finished, and batches of which readings were rejected."""
    session: SessionWindows[int] = SessionWindows(SPEC)
    windows, finished, rejected = {}, set(), []
    for position, batch in enumerate(log[begin:], begin):
        step = session.add(batch, position)
        for window in step.windows:
            values = window.values.tobytes()
            assert windows.setdefault(window.start, values) == values
        finished |= set(step.finished)
        if step.rejected:
            rejected.append((batch.sequence, step.rejected.code))
    return windows, finished, rejected


@given(logs_of_interrupted_connections())
@settings(max_examples=300, deadline=None)
def test_new_batches_arrive_in_order_after_interruptions(log):
    newest = -1
    for sequence in log.sequences:
        assert sequence <= newest + 1
        newest = max(newest, sequence)


@pytest.mark.slow
@given(logs_of_interrupted_connections())
@settings(max_examples=300, deadline=None)
def test_resuming_yields_the_windows_of_the_recording_and_rejects_nothing(log):
    windows, _, rejected = assemble(log.messages)
    assert windows == windows_of(log.session)
    assert rejected == []


@pytest.mark.slow
@given(logs_of_interrupted_connections(), st.integers(0, 10_000))
@settings(max_examples=300, deadline=None)
def test_a_processor_that_restarts_between_repeats_loses_no_window(log, stopped):
    stop = stopped % (len(log.sequences) + 1)
    before, finished, _ = assemble(log.messages[:stop])
    unfinished = [position for position in range(stop) if position not in finished]
    after, _, rejected = assemble(log.messages, begin=min(unfinished, default=stop))
    assert before.keys() | after.keys() == windows_of(log.session).keys()
    assert all(windows_of(log.session)[start] == values for start, values in after.items())
    assert rejected == []

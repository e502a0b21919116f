import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from deploy.audit import offline
from deploy.audit.offline import runs, session_windows
from deploy.audit.reference_building import missing_numbers
from deploy.audit.stored import StoredMessage, sort_out
from har.assembly import SessionWindows
from har.batching import SessionName, batches_of_recording
from har.binary_samples import encode_batch
from har.samples import NOTHING_EARLIER, SampleBatch
from har.windowing import WindowSpec, recording_windows
from ingest.sensor_logger.splitting import batches_of

SPEC = WindowSpec()
SECOND = 1_000_000
GRACE = 2 * SECOND
START = 1_700_000_000 * SECOND


def recording(seed: int, *, seconds: int = 16, disorder: int = 0):
    random = np.random.default_rng(seed)
    count = 50 * seconds
    times = START + np.arange(count) * SECOND // 50 + random.integers(0, 5_000, count)
    axes = random.normal(0, 4, (count, 3)).astype(np.float32)
    order = np.argsort(np.arange(count) + random.uniform(0, disorder + 1e-9, count), kind="stable")
    return times[order], axes[order]


def cut(times, axes, size: int) -> list[SampleBatch]:
    return list(batches_of_recording(SessionName("d", "s"), times, axes, size))


def stored(log: list[SampleBatch], rejections=None, *, grace_us: int = GRACE):
    messages = [StoredMessage((0, offset), encode_batch(batch)) for offset, batch in enumerate(log)]
    rejected = {(0, offset): code for offset, code in (rejections or {}).items()}
    return sort_out("d", messages, rejected, grace_us).sessions["s"]


def windows_of(log: list[SampleBatch], rejections=None, *, grace_us: int = GRACE):
    """Return all windows of a log, and those that are due, as bytes by start."""
    session = stored(log, rejections, grace_us=grace_us)
    sure = {number: session.usable[number] for number in session.known}
    possible, due = {}, {}
    for piece, _ in session_windows(session.usable, SPEC, grace_us):
        possible |= {start: values.tobytes() for start, values in zip(piece.starts.tolist(), piece.values, strict=True)}
    for piece, is_due in session_windows(sure, SPEC, grace_us):
        starts, values = piece.starts[is_due].tolist(), piece.values[is_due]
        due |= {start: window.tobytes() for start, window in zip(starts, values, strict=True)}
    return possible, due


def streamed(log: list[SampleBatch], grace_us: int):
    """Return the windows of the stream for a log, and the rejections it would publish."""
    session: SessionWindows[int] = SessionWindows(SPEC, grace_us=grace_us)
    windows, rejections = {}, {}
    for offset, batch in enumerate(log):
        step = session.add(batch, offset)
        windows |= {window.start: window.values.tobytes() for window in step.windows}
        if step.rejected is not None:
            rejections[offset] = step.rejected.code
    return windows, rejections


def with_few_promises(batch: SampleBatch) -> SampleBatch:
    """Return the batch of a sender that does not know what comes before and after."""
    return dataclasses.replace(batch, earlier_until=batch.newest + GRACE, later_from=batch.newest - GRACE)


#: Fates of a batch: by how much later each of its copies is sent, µs.
FATES = {"lost": (), "late": (6 * SECOND,), "late in part": (2_600_000,), "repeated": (0, SECOND)}


@st.composite
def damaged_logs(draw):
    """Batches of a recording: some lost, some repeated, some so late that they are rejected, wholly or in part."""
    times, axes = recording(draw(st.integers(0, 500)), disorder=draw(st.sampled_from([0, 0, 6])))
    batches = cut(times, axes, draw(st.sampled_from([20, 25, 50, 110])))
    if draw(st.integers(0, 3)) == 0:
        batches = [with_few_promises(batch) for batch in batches]
    fates = draw(st.dictionaries(st.integers(0, len(batches) - 1), st.sampled_from(sorted(FATES)), max_size=6))
    due = [
        (batch.newest + delay, number)
        for number, batch in enumerate(batches)
        for delay in FATES.get(fates.get(number, ""), (0,))
    ]
    assume(due)
    log, newest = [], NOTHING_EARLIER
    for _, number in sorted(due):
        batch = batches[number]
        log.append(dataclasses.replace(batch, newest_sent=max(batch.newest_sent, newest)))
        newest = max(newest, batch.newest)
    return log


@given(damaged_logs(), st.sampled_from([GRACE, 9 * SECOND]))
@settings(max_examples=200, deadline=None)
def test_the_reference_and_the_stream_agree_on_damaged_logs(log, grace_us):
    windows, rejections = streamed(log, grace_us)
    possible, due = windows_of(log, rejections, grace_us=grace_us)
    assert windows.items() <= possible.items()
    assert due.items() <= windows.items()
    assert stored(log, rejections, grace_us=grace_us).unfounded == []


def test_without_damage_every_window_of_the_recording_is_due():
    times, axes = recording(1, disorder=6)
    whole = recording_windows(times, axes, SPEC)
    _, due = windows_of(cut(times, axes, 50))
    assert due == {start: values.tobytes() for start, values in zip(whole.starts.tolist(), whole.values, strict=True)}


@pytest.mark.parametrize("piece_seconds", [2, 3, 7])
def test_long_runs_give_the_same_windows_in_pieces(piece_seconds, monkeypatch):
    times, axes = recording(2, seconds=40)
    times[700:] += 3 * SECOND  # a gap, and a pause that is just shorter than one
    times[1300:] += 980_000
    whole = recording_windows(times, axes, SPEC)
    monkeypatch.setattr(offline, "PIECE_US", piece_seconds * SECOND)
    possible, due = windows_of(cut(times, axes, 50))
    assert len(whole.starts) > 20
    assert possible == due
    assert list(possible.items()) == [
        (s, v.tobytes()) for s, v in zip(whole.starts.tolist(), whole.values, strict=True)
    ]


def test_a_hole_shorter_than_a_gap_is_not_bridged():
    times, axes = recording(3)
    batches = cut(times, axes, 25)
    lost = batches.pop(16)
    rest = np.concatenate([batch.times for batch in batches])
    assert np.diff(np.sort(rest)).max() < SPEC.gap_us
    possible, _ = windows_of(batches)
    assert possible
    assert not [start for start in possible if start < lost.times[0] < start + SPEC.length_us]


def test_windows_after_a_hole_are_due_only_when_the_grace_has_passed():
    times, axes = recording(4, seconds=20)
    batches = cut(times, axes, 50)
    log = batches[:9] + batches[10:]
    after_hole = set(windows_of(batches[10:])[0])
    for grace_us, are_due in ((8 * SECOND, True), (30 * SECOND, False)):
        possible, due = windows_of(log, grace_us=grace_us)
        assert after_hole <= possible.keys()
        assert (after_hole <= due.keys()) is are_due
        assert due.keys() >= windows_of(batches[:9])[1].keys()


def test_readings_that_later_batches_may_precede_are_not_due():
    times, axes = recording(5)
    batches = cut(times, axes, 50)
    possible, due = windows_of([with_few_promises(batch) for batch in batches])
    assert due.items() < possible.items()
    assert max(possible) - max(due) == GRACE
    assert min(possible) > batches[0].newest + GRACE  # earlier readings are also known only from there on


def test_rejected_batches_and_batches_with_a_late_reading_are_left_out():
    times, axes = recording(6)
    batches = cut(times, axes, 100)
    partly = dataclasses.replace(batches[4], newest_sent=int(batches[4].times[50]) + GRACE)
    usable = stored([*batches[:4], partly, *batches[5:]]).usable
    assert 4 not in usable
    assert [len(run.batches) for run in runs(usable)] == [4, 3]
    assert 2 not in stored(batches, {2: "conflict"}).usable
    assert 2 in stored([*batches, batches[2]], {8: "late"}).usable  # only the copy was rejected


def test_of_several_batches_with_one_number_the_first_accepted_one_counts():
    times, axes = recording(7)
    batches = cut(times, axes, 50)
    other = dataclasses.replace(batches[3], axes=batches[3].axes + 1)
    log = [*batches[:4], other, other, *batches[4:]]
    session = stored(log, {4: "conflict"})
    assert np.array_equal(session.usable[3].axes, batches[3].axes)
    assert np.array_equal(stored(log, {3: "conflict"}).usable[3].axes, other.axes)
    assert (len(session.contents[3]), session.repeated) == (2, 1)


def test_a_rejection_needs_a_reason_in_the_log():
    times, axes = recording(7)
    batches = cut(times, axes, 50)
    for code in ("late", "conflict", "sequence", "internal", "count"):
        assert stored(batches, {4: code}).unfounded == [(4, code)]
        resent = [*batches[:5], batches[4], *batches[5:]]
        assert stored(resent, {5: code}).unfounded == [(4, code)]
    late = dataclasses.replace(batches[4], newest_sent=batches[4].newest + 3 * GRACE)
    changed = dataclasses.replace(batches[4], axes=batches[4].axes + 1)
    back = dataclasses.replace(batches[9], sequence=4)
    for code, batch in (("late", late), ("conflict", changed), ("sequence", back)):
        assert stored([*batches[:5], batch], {5: code}).unfounded == []
    assert stored(batches, {4: "too_dense", 5: "too_slow"}).unfounded == []


def test_messages_that_are_no_batch_or_have_another_key_are_not_used():
    times, axes = recording(8)
    message = encode_batch(cut(times, axes, 50)[0])
    device = sort_out("other", [StoredMessage((0, 0), message), StoredMessage((0, 1), b"?")], {}, GRACE)
    assert (device.unusable, device.sessions) == (2, {})


def test_batches_that_contradict_each_other_do_not_join():
    times, axes = recording(9)
    batches = cut(times, axes, 50)
    batches[6] = dataclasses.replace(batches[6], earlier_until=batches[5].newest - 1)
    assert [len(run.batches) for run in runs(stored(batches).usable)] == [6, 10]


def test_batches_that_take_up_several_numbers_are_one_run_without_missing_numbers():
    times, axes = recording(1, seconds=60)
    documents = [
        batches_of("d", "s", number, times[begin : begin + 500], axes[begin : begin + 500])
        for number, begin in enumerate(range(0, len(times), 500))
    ]
    log = [batch for document in documents for batch in document]
    session = stored(log)
    assert [len(run.batches) for run in runs(session.usable)] == [6]
    assert missing_numbers(session) == 0
    assert windows_of(log)[1] == streamed(log, GRACE)[0]
    assert missing_numbers(stored(log[:2] + log[3:])) == 64
    overlapping = dataclasses.replace(log[0], sequence=32)  # takes up numbers of two documents
    assert missing_numbers(stored([*log, overlapping])) == 0

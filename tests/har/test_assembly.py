import itertools
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har.assembly import GRACE_US, SessionWindows
from har.samples import NOTHING_EARLIER, SampleBatch
from har.signal_quality import SignalQuality
from har.windowing import WindowSpec, recording_windows

SPEC = WindowSpec()
SECOND = 1_000_000
START = 1_700_000_000 * SECOND


def recording(seed: int, *, rate_hz: int = 50, seconds: int = 14, disorder: int = 0, clock_us: int = 1):
    """Readings in a device's order, out of order by up to `disorder` readings; its clock ticks every `clock_us`."""
    random = np.random.default_rng(seed)
    count = rate_hz * seconds
    times = START + (np.arange(count) * SECOND // rate_hz) + random.integers(0, 5_000, count)
    times = times // clock_us * clock_us
    axes = random.normal(0, 4, (count, 3)).astype(np.float32)
    order = np.argsort(np.arange(count) + random.uniform(0, disorder + 1e-9, count), kind="stable")
    return times[order], axes[order]


def batches_of(times, axes, cuts) -> list[SampleBatch]:
    """Batches with the promises of a sender that knows the whole recording."""
    edges = sorted({0, len(times), *cuts})
    newest = np.maximum.accumulate(times)
    oldest_later = np.minimum.accumulate(times[::-1])[::-1]
    batches = []
    for number, (a, b) in enumerate(itertools.pairwise(edges)):
        top = int(times[a:b].max()) + 1
        earlier = int(newest[a - 1]) if a else NOTHING_EARLIER
        later = min(top, int(oldest_later[b])) if b < len(times) else top
        batches.append(SampleBatch("d", "s", number, times[a:b], axes[a:b], earlier, earlier, later))
    return batches


def bits(window) -> tuple[bytes, SignalQuality]:
    """What must be equal wherever a window is cut: its values, and the quality of its readings."""
    return window.values.tobytes(), window.quality


def deliver(log: list[SampleBatch], *, begin: int = 0):
    """Read a log from an offset on; return windows by start, when each offset was finished, and rejections."""
    session = SessionWindows(SPEC)
    windows, finished, rejected = {}, {}, []
    for offset, batch in enumerate(log[begin:], begin):
        result = session.add(batch, offset)
        for window in result.windows:
            values = bits(window)
            assert windows.setdefault(window.start, values) == values
        finished |= dict.fromkeys(result.finished, offset)
        if result.rejected:
            rejected.append((offset, result.rejected))
    return windows, finished, rejected


def offline(times, axes) -> dict[int, tuple[bytes, SignalQuality]]:
    whole = recording_windows(times, axes, SPEC)
    return {window.start: bits(window) for window in whole}


def sent_after(batch: SampleBatch, newest_sent: int) -> SampleBatch:
    return replace(batch, newest_sent=max(batch.newest_sent, newest_sent))


def stamped(log: list[SampleBatch]) -> list[SampleBatch]:
    """Set each batch's `newest_sent` in the order of the log, as devices do."""
    newest, result = 0, []
    for batch in log:
        result.append(sent_after(batch, newest))
        newest = max(newest, batch.newest)
    return result


@st.composite
def delivered_logs(draw):
    """A recording, split anywhere, with batches repeated and delayed within the grace."""
    seed = draw(st.integers(0, 1_000))
    times, axes = recording(
        seed,
        rate_hz=draw(st.sampled_from([50, 100])),
        disorder=draw(st.sampled_from([0, 0, 5])),
        clock_us=draw(st.sampled_from([1, 1, 30_000])),
    )
    cuts = draw(st.lists(st.integers(1, len(times) - 1), min_size=3, max_size=30))
    batches = batches_of(times, axes, cuts)
    # A batch may be sent as late as another that is at most half the grace newer.
    delay = draw(st.lists(st.integers(0, GRACE_US // 2), min_size=len(batches), max_size=len(batches)))
    due = [(batch.newest + wait, n) for n, (batch, wait) in enumerate(zip(batches, delay, strict=True))]
    repeats = draw(st.lists(st.integers(0, len(batches) - 1), max_size=6))
    due += [(batches[n].newest + GRACE_US // 2, n) for n in repeats]
    log = stamped([batches[n] for _, n in sorted(due)])
    spans = [batch.newest - int(batch.times.min()) for batch in batches]
    return times, axes, log, max(spans)


@given(delivered_logs())
@settings(max_examples=150, deadline=None)
def test_split_order_repeats_and_delay_give_the_offline_windows(case):
    times, axes, log, longest = case
    windows, _, rejected = deliver(log)
    expected = offline(times, axes)
    if longest <= GRACE_US // 2:
        assert rejected == []
        assert windows == expected
    else:  # batches so long that a delay makes some readings late: the remaining windows must still be right
        assert windows.items() <= expected.items()


@given(delivered_logs(), st.data())
@settings(max_examples=150, deadline=None)
def test_a_restart_at_any_batch_changes_nothing(case, data):
    times, axes, log, _ = case
    stop = data.draw(st.integers(0, len(log)))
    check_restart(log, offline(times, axes), stop=stop, random_begin=lambda a, b: data.draw(st.integers(a, b)))


def test_after_a_restart_the_batch_with_the_first_needed_reading_is_read_again():
    times, axes = recording(14, seconds=8)
    log = batches_of(times, axes, range(1, len(times)))  # of one reading each, so it is every batch's last
    whole, _, _ = deliver(log)
    assert len(whole) == 3
    session, finished = SessionWindows(SPEC), set()
    for offset, batch in enumerate(log):
        result = session.add(batch, offset)
        finished.update(result.finished)
        if result.windows:
            after, _, _ = deliver(log, begin=len(finished))
            assert after == {start: values for start, values in whole.items() if start > result.windows[-1].start}


def random_log(random: Random) -> tuple[list[SampleBatch], dict[int, bytes]]:
    """A log with delayed and repeated batches, and copies of held batches, complete or mixed with new ones."""
    times, axes = recording(random.randrange(1_000), disorder=random.choice([0, 0, 5]))
    batches = batches_of(times, axes, random.sample(range(1, len(times)), random.randint(3, 30)))
    due = [(batch.newest + random.randint(0, GRACE_US // 2), n) for n, batch in enumerate(batches)]
    repeated = [random.randrange(len(batches)) for _ in range(random.randint(0, 6))]
    due += [(batches[n].newest + GRACE_US // 2, n) for n in repeated]
    delivered = stamped([batches[n] for _, n in sorted(due)])
    session, copies, log = SessionWindows(SPEC), [], []

    def write(batch):
        session.add(batch, len(log))
        log.append(batch)

    for batch in delivered:
        for _ in range(min(random.choice([0, 0, 2, 12]), len(copies))):
            write(copies.pop(0))
        write(batch)
        if random.random() < 0.1:
            copies = [batch for batch, _ in session.held_batches]
    for batch in copies:
        write(batch)
    return log, offline(times, axes)


@pytest.mark.slow
@given(st.integers(0, 2**32))
@settings(max_examples=300, deadline=None)
def test_a_restart_in_a_log_with_copies_of_what_was_held_changes_nothing(seed):
    random = Random(seed)  # a seed covers more cases than shrinkable choices do
    log, expected = random_log(random)
    check_restart(log, expected, stop=random.randint(0, len(log)), random_begin=random.randint)


def test_copies_replace_held_batches():
    times, axes = recording(3)
    log = stamped(batches_of(times, axes, range(50, len(times), 50)))
    session = SessionWindows(SPEC)
    finished = [p for offset, batch in enumerate(log[:10]) for p in session.add(batch, offset).finished]
    held = session.held_batches
    assert [position for _, position in held] == list(range(len(finished), 10))
    steps = [session.add(batch, 100 + n) for n, (batch, _) in enumerate(held)]
    assert [result.finished for result in steps[:-1]] == [[]] * (len(held) - 1)
    assert steps[-1].finished == [position for _, position in held]
    assert [position for _, position in session.held_batches] == [100 + n for n in range(len(held))]
    rest = [w.start for n, batch in enumerate(log[10:]) for w in session.add(batch, 200 + n).windows]
    assert rest == sorted(offline(times, axes))[-len(rest) :]


def test_copies_with_a_new_batch_in_between_have_no_effect():
    times, axes = recording(3)
    log = stamped(batches_of(times, axes, range(50, len(times), 50)))
    session = SessionWindows(SPEC)
    for offset, batch in enumerate(log[:10]):
        session.add(batch, offset)
    held = session.held_batches
    for n, (batch, _) in enumerate(held[:-1]):
        session.add(batch, 100 + n)
    assert [p for p in session.add(log[10], 200).finished if p >= 100] == [100 + n for n in range(len(held) - 1)]
    assert session.add(held[-1][0], 201).finished == [201]
    assert all(position < 100 or position == 200 for _, position in session.held_batches)


def check_restart(log, expected, *, stop, random_begin):
    whole, _, _ = deliver(log)
    before, finished, _ = deliver(log[:stop])
    unfinished = [offset for offset in range(stop) if offset not in finished]
    # The committed offset may be anywhere up to the first unfinished batch: another device may hold it back.
    begin = random_begin(0, min(unfinished, default=stop))
    after, _, _ = deliver(log, begin=begin)
    assert before.keys() | after.keys() >= whole.keys()
    for start, values in after.items():
        assert expected[start] == values


def test_a_window_closes_with_the_batch_that_completes_it():
    times, axes = recording(1)
    batches = batches_of(times, axes, range(50, len(times), 50))
    session = SessionWindows(SPEC)
    for offset, batch in enumerate(batches):
        for window in session.add(batch, offset).windows:
            assert window.completed_by == offset
            # Its last value, the filter's 80 ms and one more reading: it waits for nothing else.
            assert batch.newest - (window.start + SPEC.length_us) < 1.2 * SECOND


def test_no_window_crosses_a_missing_batch_and_later_windows_close_after_the_grace():
    times, axes = recording(2, seconds=20)
    batches = batches_of(times, axes, range(50, len(times), 50))
    log = stamped(batches[:8] + batches[9:])
    windows, _, rejected = deliver(log)
    lost = batches[8].times
    expected = offline(times, axes)
    reach = 200_000
    untouched = {
        start for start in expected if start - reach > lost.max() or start + SPEC.length_us + reach < lost.min()
    }
    assert untouched <= windows.keys()
    assert rejected == []
    assert all(expected[start] == values for start, values in windows.items())
    assert len(windows) < len(expected)


def test_readings_later_than_the_grace_are_rejected_alike_before_and_after_a_restart():
    times, axes = recording(3, seconds=20)
    batches = batches_of(times, axes, range(50, len(times), 50))
    late = batches.pop(5)
    log = stamped([*batches[:15], late, *batches[15:]])
    for begin in (0, 10, 15):
        _, _, rejected = deliver(log, begin=begin)
        assert [(offset, rejection.code) for offset, rejection in rejected] == [(15, "late")]


def test_a_batch_that_is_late_in_part_is_rejected_as_a_whole():
    times, axes = recording(4, seconds=12)
    batches = batches_of(times, axes, [100, 200, 300, 400, 500])
    stamp = batches[2].newest
    partly = replace(batches[3], newest_sent=max(stamp, int(batches[3].times[50]) + GRACE_US))
    log = [*batches[:3], partly, *(sent_after(b, partly.newest_sent) for b in batches[4:])]
    windows, _, rejected = deliver(log)
    assert "50 of 100" in rejected[0][1].detail
    before, after = (deliver(part)[0] for part in (log[:3], log[4:]))
    assert windows == before | after  # no window crosses it


def test_a_sequence_that_goes_back_with_new_readings_is_rejected():
    times, axes = recording(5)
    batches = batches_of(times, axes, range(50, len(times), 50))
    out_of_sequence = replace(batches[9], sequence=3)
    _, _, rejected = deliver([*batches[:9], out_of_sequence])
    assert rejected[0][1].code == "sequence"
    assert "begin a new session" in rejected[0][1].detail


def test_other_readings_with_a_known_sequence_are_rejected_and_the_first_stay():
    times, axes = recording(6)
    batches = batches_of(times, axes, range(50, len(times), 50))
    conflicting = replace(batches[4], axes=batches[4].axes + 1)
    windows, _, rejected = deliver([*batches[:5], conflicting, *batches[5:]])
    assert rejected[0][1].code == "conflict"
    assert windows == offline(times, axes)


def test_conflicting_readings_within_a_batch_are_counted():
    times, axes = recording(7)
    doubled_times, doubled_axes = np.append(times[:50], times[10]), np.vstack([axes[:50], axes[10] + 1])
    batch = SampleBatch("d", "s", 0, doubled_times, doubled_axes, 0, 0, int(times[49]) + 1)
    result = SessionWindows(SPEC).add(batch, 0)
    assert (result.repeats, result.conflicts) == (1, 1)


def test_cautious_promises_give_the_same_windows_later():
    times, axes = recording(8, seconds=16)
    cautious = [
        replace(batch, later_from=batch.newest - GRACE_US)
        for batch in batches_of(times, axes, range(50, len(times), 50))
    ]
    windows, _, _ = deliver(cautious)
    expected = offline(times, axes)
    assert all(expected[start] == values for start, values in windows.items())
    assert len(expected) - len(windows) == 2


def test_disorder_between_batches_with_cautious_promises_is_harmless():
    times, axes = recording(12, seconds=24)
    batches = batches_of(times, axes, range(50, len(times), 50))
    batches[9], batches[10] = replace(batches[10], sequence=9), replace(batches[9], sequence=10)
    cautious = [
        replace(b, newest_sent=0, earlier_until=b.newest + GRACE_US, later_from=b.newest - GRACE_US) for b in batches
    ]
    windows, _, rejected = deliver(cautious)
    expected = offline(times, axes)
    assert rejected == []
    assert all(expected[start] == values for start, values in windows.items())
    assert len(expected) - len(windows) <= 6  # at both ends, where nothing is promised


def test_readings_before_earlier_until_hold_nothing_back():
    times, axes = recording(13, seconds=24)
    batches = batches_of(times, axes, range(50, len(times), 50))
    first = replace(batches[0], earlier_until=batches[5].newest)
    _, finished, _ = deliver([first, *batches[1:]])
    assert set(range(6)) <= finished.keys()


def test_a_silent_session_is_finished_and_may_continue():
    times, axes = recording(9)
    batches = batches_of(times, axes, range(50, len(times), 50))
    session = SessionWindows(SPEC)
    windows, finished = {}, []
    for offset, batch in enumerate(batches):
        result = session.add(batch, offset)
        windows |= {w.start: bits(w) for w in result.windows}
        finished += result.finished
        if offset == 6:
            result = session.stop_waiting()
            finished += result.finished
            assert finished == list(range(7))
            assert session.held_batches == []
    assert windows == offline(times, axes)


def test_a_batch_that_spans_a_pause_is_not_late_against_itself():
    times, axes = recording(11, seconds=20)
    times[525:] += 5 * SECOND
    windows, _, rejected = deliver(batches_of(times, axes, range(50, len(times), 50)))
    assert rejected == []
    assert windows == offline(times, axes)


@pytest.mark.parametrize("gap_s", [1.1, 30, 86_400])
def test_a_pause_ends_the_stretch(gap_s):
    times, axes = recording(10, seconds=20)
    times[500:] += int(gap_s * SECOND)
    windows, finished, _ = deliver(batches_of(times, axes, range(50, len(times), 50)))
    assert windows == offline(times, axes)
    assert set(range(9)) <= finished.keys()


def test_memory_is_bounded_for_dense_readings():
    session = SessionWindows(SPEC)
    begin = START + np.arange(0, SECOND, 20_000)
    session.add(
        SampleBatch("d", "s", 0, begin, np.zeros((50, 3), np.float32), 0, 0, int(begin[-1]) + 1),
        0,
    )
    codes, finished = [], set()
    for number in range(1, 60):
        times = START + SECOND + number * 1_000 + np.arange(1_000)
        newest, earlier = int(times[-1]), int(times[0]) - 1
        batch = SampleBatch("d", "s", number, times, np.zeros((1_000, 3), np.float32), earlier, earlier, newest + 1)
        result = session.add(batch, number)
        rejected = result.rejected
        finished.update(result.finished)
        codes.append(rejected.code if rejected else None)
    assert codes[:49] == [None] * 49
    assert codes[49] == "too_dense"
    # Held batches are finished, so that they hold no commit back, and the session restarts.
    assert codes[50:] == [None] * 9
    assert finished >= set(range(50))

"""The live state: out-of-order and repeated updates, limits, and the equivalence of deltas and snapshots."""

import json
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.limits import BrowserLimits
from dashboard.live_messages import InvalidUpdateError, read_update
from dashboard.live_state import Clock, LiveState
from dashboard.throughput import Throughput
from har.notices import ReleaseRejected, encode_notice
from har.predictions import LiveUpdate, encode_update
from har.upright import Reference
from tests.dashboard.dashboard_feeding import BASE, SECOND, PageView, make_update


class FakeTime:
    def __init__(self) -> None:
        self.seconds = 0.0

    def clock(self) -> Clock:
        return Clock(lambda: BASE + int(self.seconds * SECOND), lambda: self.seconds)


def make_state(limits: BrowserLimits | None = None, time: FakeTime | None = None) -> LiveState:
    return LiveState(300, limits or BrowserLimits(), (time or FakeTime()).clock())


def feed(state: LiveState, update: LiveUpdate) -> bool:
    return state.receive(encode_update(update))


def snapshot(state: LiveState) -> PageView:
    view = PageView()
    for message in state.messages_since(0, state.status()):
        view.receive(message)
    return view


ACTIVITIES = ("sit", "stand", "walk")

deliveries = st.lists(st.sampled_from(ACTIVITIES), min_size=1, max_size=25).flatmap(
    lambda activities: st.tuples(
        st.just(activities),
        # Every window at least once, in any order; some are repeated.
        st.permutations(list(range(len(activities))) + list(range(0, len(activities), 3))),
    )
)


@settings(deadline=None)
@given(deliveries)
def test_order_and_repeats_do_not_matter(delivery: tuple[list[str], list[int]]) -> None:
    activities, order = delivery
    in_order, shuffled = make_state(), make_state()
    for second, activity in enumerate(activities):
        feed(in_order, make_update(second=second, activity=activity))
    changed = [feed(shuffled, make_update(second=second, activity=activities[second])) for second in order]
    assert sum(changed) == len(activities)
    expected, actual = snapshot(in_order).devices["phone-1"], snapshot(shuffled).devices["phone-1"]
    assert list(actual["windows"]) == sorted(actual["windows"])
    assert actual == expected


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(("a", "b", "c", "d")), st.integers(0, 8), st.sampled_from(ACTIVITIES)),
        max_size=40,
    ),
    st.data(),
)
def test_deltas_lead_to_the_same_state_as_a_snapshot(updates: list[tuple[str, int, str]], data: st.DataObject) -> None:
    # One device per message, and changes between two messages of the same delta. Nothing expires.
    state = make_state(BrowserLimits(devices_per_message=1, max_devices=3))
    view = PageView()
    known, target = 0, 0
    passing: Iterator[bytes] = iter(())
    published = BASE
    for device, second, activity in updates:
        published += 1
        feed(state, make_update(device, second, activity, published=published))
        for _ in range(data.draw(st.integers(0, 3))):
            message = next(passing, None)
            if message is None:
                known, target = target, state.revision
                passing = state.messages_since(known, state.status())
                message = next(passing)
            view.receive(message)
    for message in passing:
        view.receive(message)
    for message in state.messages_since(target, state.status()):
        view.receive(message)
    assert len(state) <= 3
    assert view.devices == snapshot(state).devices


def test_a_delta_contains_only_changes() -> None:
    state = make_state()
    for second in range(5):
        feed(state, make_update(second=second))
        feed(state, make_update("phone-2", second=second))
    known = state.revision
    feed(state, make_update(second=5))
    [message] = state.messages_since(known, state.status())
    [changes] = json.loads(message)["devices"]
    assert changes["device"] == "phone-1"
    assert not changes["complete"]
    assert [entry[0] for entry in changes["windows"]] == [BASE + 5 * SECOND]
    assert len(changes["trace"]) == 1


def test_the_steady_activity_changes_after_several_windows() -> None:
    state = make_state()
    for second, activity in enumerate(["walk"] * 4 + ["sit"] + ["walk"] * 4 + ["sit"] * 5):
        feed(state, make_update(second=second, activity=activity))
    device = snapshot(state).devices["phone-1"]
    assert device["activity"] == "sit"
    shown = [entry[2] for entry in device["windows"].values()]
    assert shown[:8] == ["walk"] * 8
    assert shown[-4:] == ["sit"] * 4


def test_the_reason_of_unknown_windows_is_told_once_they_are_shown_as_unknown() -> None:
    state = make_state()
    windows: list[str | None] = [None, None, "sparse", None, None, None, "sparse", "pauses", "sparse", "sparse"]
    for second, reason in enumerate(windows):
        feed(state, make_update(second=second, activity="walk", reason=reason))
    device = snapshot(state).devices["phone-1"]
    assert (device["activity"], device["reason"]) == ("unknown", "sparse")
    shown = [(entry[2], entry[4]) for entry in device["windows"].values()]
    assert shown[:6] == [("walk", None)] * 6, "a single window is not shown as unknown"
    assert shown[-4:] == [("unknown", reason) for reason in windows[-4:]]
    for second in range(10, 16):
        feed(state, make_update(second=second, activity="walk"))
    assert snapshot(state).devices["phone-1"]["reason"] is None


def test_the_kind_is_shown_in_the_words_of_the_release_and_without_them_by_its_name() -> None:
    state = make_state()
    for second in range(4):
        feed(state, make_update(second=second, kind="table", kind_title="on a desk"))
        feed(state, make_update("phone-2", second=second, kind="on_a_drone"))
    devices = snapshot(state).devices
    assert [(each["activity"], each["reason"], each["kind"]) for each in devices.values()] == [
        ("unknown", None, "on a desk"),
        ("unknown", None, "on a drone"),
    ]
    assert [window[5] for window in devices["phone-1"]["windows"].values()] == ["on a desk"] * 4
    for second in range(4, 8):
        feed(state, make_update(second=second, activity="walk"))
    walking = snapshot(state).devices["phone-1"]
    assert (walking["activity"], walking["kind"]) == ("walk", None)


def known_at(second: int, **more: int) -> Reference:
    return Reference(**{"latest_us": BASE + second * SECOND} | more)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2)])
def test_what_a_session_knows_about_upright_is_that_of_its_newest_classified_window(order: tuple[int, ...]) -> None:
    updates = [
        make_update(second=0, reference=known_at(0)),
        make_update(second=1, reference=known_at(1, others=4)),
        make_update(second=2, lean=0.9, reference=known_at(2, windows=12)),
        make_update(second=3, reference=known_at(2, windows=12), reason="pauses"),
    ]
    state = make_state()
    for at in order:
        feed(state, updates[at])
    assert snapshot(state).devices["phone-1"]["upright"] == {"state": "known", "windows": 12}


def test_what_a_session_knows_about_upright_follows_its_windows() -> None:
    state = make_state()
    for second, (reference, expected) in enumerate(
        (
            (known_at(0), {"state": "learning", "windows": 0}),
            (known_at(1, others=4), {"state": "learning", "windows": 4}),
            (known_at(2, windows=12), {"state": "known", "windows": 12}),
            (known_at(3, windows=12, others=3), {"state": "doubted", "windows": 3}),
            (known_at(3, windows=12), None),  # this window was not judged
        )
    ):
        feed(state, make_update(second=second, reference=reference))
        assert snapshot(state).devices["phone-1"]["upright"] == expected
    feed(state, make_update(second=5, reference=known_at(5)))
    feed(state, make_update(second=20, session="s2", reason="pauses"))
    assert snapshot(state).devices["phone-1"]["upright"] is None, "nothing is known of the next session"


def test_of_a_device_that_keeps_its_reference_only_its_use_is_known() -> None:
    state = make_state()
    feed(state, make_update(second=0))
    assert snapshot(state).devices["phone-1"]["upright"] is None
    feed(state, make_update(second=1, lean=0.9))
    assert snapshot(state).devices["phone-1"]["upright"] == {"state": "known", "windows": 0}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_a_device_is_personal_while_a_head_corrects_its_newest_classified_window(order: tuple[int, ...]) -> None:
    updates = [make_update(second=0), make_update(second=1, personal=3), make_update(second=2, reason="pauses")]
    state = make_state()
    for at in order:
        feed(state, updates[at])
    assert snapshot(state).devices["phone-1"]["personal"] is True
    feed(state, make_update(second=3))
    assert snapshot(state).devices["phone-1"]["personal"] is False
    feed(state, make_update(second=4, personal=3))
    feed(state, make_update(second=20, session="s2", reason="pauses"))
    assert snapshot(state).devices["phone-1"]["personal"] is False, "nothing is known of the next session"


def test_the_reason_of_an_older_session_stays_in_the_history() -> None:
    state = make_state()
    feed(state, make_update(second=0, reason="clock"))
    feed(state, make_update(second=20, session="s2", activity="sit"))
    device = snapshot(state).devices["phone-1"]
    assert [(entry[2], entry[4]) for entry in device["windows"].values()] == [("unknown", "clock"), ("sit", None)]
    assert (device["activity"], device["reason"]) == ("sit", None)


def test_a_newer_prediction_replaces_that_of_the_same_window() -> None:
    state = make_state()
    first = make_update(second=0, activity="walk")
    feed(state, first)
    again = make_update(second=0, activity="stand", published=first.published + 1, release="release-2")
    assert feed(state, again)
    assert not feed(state, first), "an older prediction must not replace a newer one"
    device = snapshot(state).devices["phone-1"]
    assert [entry[2] for entry in device["windows"].values()] == ["stand"]
    assert device["release"] == "release-2"


def test_a_clock_that_was_set_back_resets_the_history() -> None:
    state = make_state()
    feed(state, make_update(second=1_000, session="s1", arrived=BASE))
    known = state.revision
    feed(state, make_update(second=10, session="s2", arrived=BASE + SECOND))
    [message] = state.messages_since(known, state.status())
    [changes] = json.loads(message)["devices"]
    assert changes["complete"]
    assert [entry[0] for entry in changes["windows"]] == [BASE + 10 * SECOND]


def test_silent_devices_are_removed_from_browsers() -> None:
    time = FakeTime()
    state = make_state(time=time)
    feed(state, make_update("phone-1"))
    time.seconds = 500
    feed(state, make_update("phone-2", second=500))
    known, view = state.revision, snapshot(state)
    time.seconds = 601
    state.forget_silent()
    for message in state.messages_since(known, state.status()):
        view.receive(message)
    assert list(view.devices) == ["phone-2"]


def test_history_and_traces_are_limited() -> None:
    state = make_state()
    for second in range(1_000):
        feed(state, make_update(second=second, steps=50))
    device = snapshot(state).devices["phone-1"]
    assert 295 <= len(device["windows"]) <= 300
    assert 12 <= len(device["trace"]) <= 13


def test_windows_longer_than_the_history_are_kept() -> None:
    update = read_update(encode_update(make_update()))
    long = LiveUpdate(
        prediction=type(update.prediction)(
            **{
                **{name: getattr(update.prediction, name) for name in update.prediction.__struct_fields__},
                "end": update.prediction.start + 1_000 * SECOND,
            }
        ),
        published=update.published,
        trace=update.trace,
    )
    state = make_state()
    assert feed(state, long)
    assert len(snapshot(state).devices["phone-1"]["windows"]) == 1


def test_latency_counts_each_window_once() -> None:
    time = FakeTime()
    state = make_state(time=time)
    for second in range(20):
        time.seconds = second + 0.5
        update = make_update(second=second)
        feed(state, update)
        feed(state, update)
    status = state.status()
    assert status.windows_per_second == 1.0
    assert status.latency_p50 == pytest.approx(50, rel=0.03)
    assert status.releases == ("release-1",)


@settings(deadline=None)
@given(st.lists(st.floats(0.2, 100_000), min_size=1, max_size=300), st.sampled_from((0.5, 0.9, 0.99)))
def test_latency_percentiles_are_within_a_bucket(latencies: list[float], quantile: float) -> None:
    throughput = Throughput(now=0)
    for latency in latencies:
        throughput.add(latency, now=1.0)
    exact = float(np.quantile(latencies, quantile, method="inverted_cdf"))
    assert throughput.latency_ms(quantile, now=1.0) == pytest.approx(exact, rel=0.03)


def test_old_latencies_do_not_count() -> None:
    throughput = Throughput(now=0)
    throughput.add(1_000, now=1)
    throughput.add(10, now=70)
    assert throughput.latency_ms(0.99, now=70) == pytest.approx(10, rel=0.03)
    assert throughput.latency_ms(0.99, now=1_000) is None
    assert throughput.windows_per_second(now=1_000) == 0


def test_a_stream_that_stopped_has_no_latency() -> None:
    throughput = Throughput(now=0)
    throughput.add(1_000, now=1)
    throughput.add(10, now=30)
    assert throughput.latency_ms(0.5, now=40) == pytest.approx(10, rel=0.03)
    assert throughput.windows_per_second(now=40) > 0
    assert throughput.latency_ms(0.5, now=41) is None
    assert throughput.windows_per_second(now=41) == 0


def _changed(**fields: object) -> bytes:
    message = json.loads(encode_update(make_update()))
    for path, value in fields.items():
        *parents, last = path.split("__")
        target = message
        for parent in parents:
            target = target[parent]
        target[last] = value
    return json.dumps(message).encode()


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[]",
        b"1" * 300_000,
        _changed(prediction__device=""),
        _changed(prediction__device="<script>"),
        _changed(prediction__session="x" * 65),
        _changed(prediction__activity=""),
        _changed(prediction__activity="x" * 65),
        _changed(prediction__reason=""),
        _changed(prediction__kind="table"),  # not in the background
        _changed(prediction__background={"x" * 65: 0.5}),
        _changed(prediction__background={"table": 1.5}),
        _changed(prediction__background={f"k{n}": 0.0 for n in range(65)}),
        _changed(prediction__lean=1.5),
        _changed(prediction__personal=0),
        _changed(prediction__reference=[[0, 1, 0], 1_001, [0, 0, 0], 0, 0, BASE]),
        _changed(prediction__reference=[[0, 0, 0], 0, [0, 1, 0], -1, 0, BASE]),
        _changed(prediction__reference=[[0, 1], 12]),
        _changed(kind_title=""),
        _changed(kind_title="x" * 121),
        _changed(prediction__reason="x" * 33),
        _changed(prediction__confidence=1.5),
        _changed(prediction__probabilities={}),
        _changed(prediction__probabilities={"walk": -1}),
        _changed(prediction__start=0),
        _changed(prediction__end=BASE),
        _changed(prediction__schema=2),
        _changed(published=-1),
        _changed(trace__period=0),
        _changed(trace__x=[1.0]),
        _changed(trace__x="text"),
        _changed(trace__z=[1.0] * 49 + [float("inf")]).replace(b"Infinity", b"1e999"),
    ],
)
def test_invalid_updates_are_rejected_and_counted(message: bytes) -> None:
    with pytest.raises(InvalidUpdateError):
        read_update(message)
    state = make_state()
    assert not state.receive(message)
    assert state.undecodable == 1
    assert len(state) == 0


def test_rejections_by_processors_are_shown_for_a_while() -> None:
    time = FakeTime()
    state = make_state(time=time)
    assert state.status().release_rejected is None
    state.receive_rejection(encode_notice(ReleaseRejected("a-1", "one", "unusable", "it answers wrongly")))
    notice = state.status().release_rejected
    assert notice == "A processor could not change to a new release: it answers wrongly. Still in use: one."
    state.receive_rejection(encode_notice(ReleaseRejected("a-2", "one", "unreachable", "x" * 9_999)))
    assert (notice := state.status().release_rejected) is not None
    assert notice.startswith("2 processors could not")
    assert len(notice) < 1_000
    time.seconds = 40.0
    assert state.status().release_rejected is None


@pytest.mark.parametrize(
    "message",
    [b"", b"{}", b"\xff", b"[" * 10_000, b'{"more": ' + b"[" * 4_000, b'{"worker": 1}', b'{"worker": "\xff"}'],
)
def test_invalid_rejections_are_counted_and_ignored(message: bytes) -> None:
    state = make_state()
    state.receive_rejection(message)
    assert (state.undecodable, state.status().release_rejected) == (1, None)

"""Estimates of clock offsets for clocks that are off, drift or are changed, and for late readings."""

from hypothesis import given
from hypothesis import strategies as st

from ingest.gateway.clocks import MAX_DEVICES, REMEMBERED, DeviceClocks

SECOND = 1_000_000
START = 1_700_000_000 * SECOND


@given(
    st.integers(-400 * 86_400, 400 * 86_400),
    st.lists(st.floats(0.02, 30), min_size=20, max_size=60),
    st.floats(-50e-6, 50e-6),
)
def test_an_offset_is_estimated_up_to_the_shortest_delay_although_the_clock_drifts(offset, delays, drift):
    """Delays (s) of batches; drift as a share: quartz clocks stay within 50 parts per million."""
    clocks = DeviceClocks()
    for number, delay in enumerate(delays):
        measured = START + number * SECOND
        device_shows = measured + offset * SECOND + round(number * SECOND * drift)
        clocks.note("d", "s", newest=device_shows, arrived=measured + round(delay * SECOND))
    now = START + len(delays) * SECOND
    shows = now + offset * SECOND + round(len(delays) * SECOND * drift)
    error = shows - clocks.of("d").event_time(now)
    assert -5_000 <= error - round(min(delays) * SECOND) <= 5_000


def test_a_clock_changed_within_a_session_is_followed_after_a_minute_of_batches():
    clocks = DeviceClocks()
    for number in range(200):
        offset = 0 if number < 100 else 30 * SECOND
        clocks.note("d", "s", newest=START + number * SECOND - offset, arrived=START + number * SECOND + 50_000)
    assert clocks.of("d").behind == 30 * SECOND + 50_000
    assert REMEMBERED < 100


def test_late_readings_of_an_earlier_session_do_not_replace_the_current_session():
    clocks = DeviceClocks()
    clocks.note("d", "new", newest=START, arrived=START + 50_000)
    clocks.note("d", "old", newest=START - 3_600 * SECOND, arrived=START + 60_000)
    assert clocks.of("d").session == "new"
    clocks.note("d", "newer", newest=START + SECOND, arrived=START + SECOND + 50_000)
    assert clocks.of("d").session == "newer"


def test_the_least_recently_active_device_is_dropped_at_the_limit():
    clocks = DeviceClocks()
    for number in range(MAX_DEVICES + 1):
        clocks.note(f"d{number}", "s", newest=START, arrived=START)
    assert clocks.of("d0") is None
    assert clocks.of(f"d{MAX_DEVICES}") is not None

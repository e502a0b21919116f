"""What the gateway makes of devices' clocks that are off, drift, or are set, and of readings that come late."""

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
def test_an_offset_is_known_to_the_shortest_way_of_a_batch_also_while_the_clock_drifts(offset, ways, drift):
    """Ways in seconds; drift as a share: quartz clocks stay within 50 parts in a million."""
    clocks = DeviceClocks()
    for number, way in enumerate(ways):
        measured = START + number * SECOND
        device_shows = measured + offset * SECOND + round(number * SECOND * drift)
        clocks.note("d", "s", newest=device_shows, arrived=measured + round(way * SECOND))
    now = START + len(ways) * SECOND
    shows = now + offset * SECOND + round(len(ways) * SECOND * drift)
    error = shows - clocks.of("d").event_time(now)
    assert -5_000 <= error - round(min(ways) * SECOND) <= 5_000


def test_a_clock_that_was_set_within_a_session_is_followed_after_a_minute_of_batches():
    clocks = DeviceClocks()
    for number in range(200):
        offset = 0 if number < 100 else 30 * SECOND
        clocks.note("d", "s", newest=START + number * SECOND - offset, arrived=START + number * SECOND + 50_000)
    assert clocks.of("d").behind == 30 * SECOND + 50_000
    assert REMEMBERED < 100


def test_what_an_older_session_sends_late_does_not_count_as_the_present_one():
    clocks = DeviceClocks()
    clocks.note("d", "new", newest=START, arrived=START + 50_000)
    clocks.note("d", "old", newest=START - 3_600 * SECOND, arrived=START + 60_000)
    assert clocks.of("d").session == "new"
    clocks.note("d", "newer", newest=START + SECOND, arrived=START + SECOND + 50_000)
    assert clocks.of("d").session == "newer"


def test_of_too_many_devices_the_one_silent_for_longest_is_forgotten():
    clocks = DeviceClocks()
    for number in range(MAX_DEVICES + 1):
        clocks.note(f"d{number}", "s", newest=START, arrived=START)
    assert clocks.of("d0") is None
    assert clocks.of(f"d{MAX_DEVICES}") is not None

import numpy as np
import pytest

from har.rejections import RejectedMessage
from ingest.sensor_logger.document import decode_push
from ingest.sensor_logger.streams import Readings, SessionReader
from tests.ingest.sensor_logger.made_documents import (
    GRAVITY,
    PERIOD_NS,
    SHAKEN,
    START_NS,
    START_US,
    TOTAL,
    document,
    entries,
    times_of,
)

G = 9.80665
FLOAT_TOTAL = TOTAL.astype(np.float32)
LINEAR_AND_GRAVITY = [*entries("accelerometer", SHAKEN), *entries("gravity", GRAVITY)]


def read(*payload, frame="unknown") -> Readings:
    return SessionReader(frame).read(decode_push(document(*payload)))


def rejection(*payload, frame="unknown", reader: SessionReader | None = None) -> RejectedMessage:
    with pytest.raises(RejectedMessage) as caught:
        (reader or SessionReader(frame)).read(decode_push(document(*payload)))
    return caught.value


def test_total_acceleration_is_preferred_and_unchanged():
    got = read(
        LINEAR_AND_GRAVITY, entries("accelerometerUncalibrated", TOTAL * 0.5), entries("totalAcceleration", TOTAL)
    )
    assert got.times.dtype == np.int64 and got.axes.dtype == np.float32
    assert got.times.tolist() == [time // 1_000 for time in times_of(50)]
    assert np.array_equal(got.axes, FLOAT_TOTAL)
    assert got.notes == ["totalAcceleration, signs kept (Android or standardised)"]


def test_uncalibrated_acceleration_is_preferred_to_the_sum():
    got = read(LINEAR_AND_GRAVITY, entries("accelerometerUncalibrated", TOTAL + 0.25))
    assert np.array_equal(got.axes, (TOTAL + 0.25).astype(np.float32))
    assert got.notes == ["accelerometerUncalibrated in m/s², signs kept (Android or standardised)"]


def test_gravity_at_the_same_times_is_added():
    got = read(LINEAR_AND_GRAVITY, frame="android")
    assert np.array_equal(got.axes, (SHAKEN + GRAVITY).astype(np.float32))
    assert got.unpaired == 0
    assert got.notes == ["accelerometer + gravity, signs kept (Android)"]


@pytest.mark.parametrize(
    ("frame", "sign", "signs"),
    [
        ("android", 1, "signs kept (Android)"),
        ("standardised", 1, "signs kept (standardised)"),
        ("ios", -1, "signs inverted (iOS)"),
        ("unknown", -1, "signs inverted (assumed iOS)"),
    ],
)
def test_the_enrolment_determines_the_signs_of_the_sum(frame, sign, signs):
    got = read(LINEAR_AND_GRAVITY, frame=frame)
    assert np.array_equal(got.axes, sign * FLOAT_TOTAL)
    assert got.notes[0] == f"accelerometer + gravity, {signs}"


def test_assumed_signs_come_with_a_note_on_how_to_check_them():
    assumed = read(LINEAR_AND_GRAVITY)
    assert "screen up" in assumed.notes[1] and "--frame android" in assumed.notes[1]
    assert len(read(LINEAR_AND_GRAVITY, frame="ios").notes) == 1


def test_a_phone_on_its_back_has_gravity_along_plus_z_on_android_and_ios():
    flat = np.tile([0.0, 0.0, 9.8], (50, 1))
    android = read(entries("totalAcceleration", flat), frame="android")
    iphone = read(entries("accelerometer", 0 * flat), entries("gravity", -flat), frame="ios")
    assert android.axes.mean(axis=0).tolist() == iphone.axes.mean(axis=0).tolist()
    assert android.axes[0, 2] == np.float32(9.8)


@pytest.mark.parametrize(
    ("frame", "total", "note"),
    [
        ("unknown", -TOTAL / G, "in g, signs inverted (iOS)"),
        ("ios", -TOTAL / G, "in g, signs inverted (iOS)"),
        ("unknown", TOTAL, "in m/s², signs kept (Android or standardised)"),
        ("android", TOTAL, "in m/s², signs kept (Android)"),
        ("standardised", TOTAL, "in m/s², signs kept (standardised)"),
    ],
)
def test_the_unit_of_uncalibrated_acceleration_follows_from_its_magnitude(frame, total, note):
    got = read(entries("accelerometerUncalibrated", total), frame=frame)
    assert np.array_equal(got.axes, FLOAT_TOTAL)
    assert got.notes == [f"accelerometerUncalibrated {note}"]


@pytest.mark.parametrize(
    ("frame", "name", "total", "sign", "caveat"),
    [
        ("ios", "accelerometerUncalibrated", TOTAL, -1, "--frame standardised"),
        ("android", "accelerometerUncalibrated", TOTAL / G, 1, "--frame ios"),
        ("standardised", "accelerometerUncalibrated", TOTAL / G, 1, "--frame ios"),
        ("ios", "totalAcceleration", TOTAL, -1, "--frame android"),
    ],
)
def test_a_contradicted_enrolment_determines_the_signs_and_adds_a_note(frame, name, total, sign, caveat):
    got = read(entries(name, total), frame=frame)
    assert np.array_equal(got.axes, sign * FLOAT_TOTAL)
    assert caveat in got.notes[1]


#: A second of a partial fall: its magnitude fits neither g nor m/s².
FALLING = np.tile([0.02, 0.03, 4.0], (50, 1))


@pytest.mark.parametrize(("sign", "factor", "unit"), [(1, 1, "in m/s²"), (-1, 1 / G, "in g")])
def test_an_ambiguous_unit_is_determined_by_comparison_with_the_sum(sign, factor, unit):
    others = [*entries("accelerometer", sign * (FALLING - GRAVITY)), *entries("gravity", sign * GRAVITY)]
    assert rejection(entries("accelerometerUncalibrated", FALLING)).code == "unit"
    # A mean of 0.4 (in g) is ambiguous, too.
    assert rejection(entries("accelerometerUncalibrated", FALLING / G)).code == "unit"
    got = read(others, entries("accelerometerUncalibrated", sign * FALLING * factor))
    assert got.axes == pytest.approx(FALLING, rel=1e-6)
    assert unit in got.notes[0] and len(got.notes) == 1


def test_uncalibrated_acceleration_with_the_opposite_signs_of_the_sum_adds_a_note():
    got = read(LINEAR_AND_GRAVITY, entries("accelerometerUncalibrated", -TOTAL / G))
    assert np.array_equal(got.axes, FLOAT_TOTAL)
    assert "opposite signs" in got.notes[1]


def test_the_comparison_works_with_times_that_differ():
    later = [time + 7_000_000 for time in times_of(50)]
    others = [*entries("accelerometer", FALLING - GRAVITY), *entries("gravity", GRAVITY)]
    assert "in g" in read(others, entries("accelerometerUncalibrated", FALLING / G, later)).notes[0]


def test_an_accelerometer_alone_is_rejected_with_a_remedy():
    rejected = rejection(entries("accelerometer", SHAKEN))
    assert rejected.code == "gravity"
    assert "switch on Gravity" in rejected.detail


@pytest.mark.parametrize("frame", ["android", "standardised", "ios"])
def test_a_phone_that_sends_only_zeros_is_read_as_enrolled_until_the_unit_is_certain(frame):
    reader = SessionReader(frame)
    zeros = reader.read(decode_push(document(entries("accelerometerUncalibrated", np.zeros((50, 3))))))
    assert not zeros.axes.any() and "cannot determine the unit" in zeros.notes[1]
    in_g = reader.read(decode_push(document(entries("accelerometerUncalibrated", TOTAL / G))))
    assert np.abs(in_g.axes) == pytest.approx(np.abs(TOTAL), rel=1e-6)


# Pairing by time


def test_gravity_is_interpolated_at_the_accelerometers_times():
    rising = np.stack([np.zeros(50), np.zeros(50), np.linspace(5, 9.9, 50)], axis=1)
    between = [time + PERIOD_NS // 4 for time in times_of(49)]
    got = read(entries("accelerometer", np.zeros((49, 3)), between), entries("gravity", rising), frame="android")
    assert got.times.tolist() == [time // 1_000 for time in between]
    assert got.axes[:, 2] == pytest.approx(5 + 0.1 * (np.arange(49) + 0.25), abs=1e-6)
    assert got.unpaired == 0


def test_gravity_pairs_within_one_of_its_periods_only():
    within, beyond = START_NS + 50 * PERIOD_NS, START_NS + 50 * PERIOD_NS + 1_000
    before = START_NS - PERIOD_NS - 1_000
    got = read(
        entries("accelerometer", np.ones((3, 3)), [before, within, beyond]),
        entries("gravity", GRAVITY),
        frame="android",
    )
    assert got.times.tolist() == [within // 1_000]
    assert got.axes[0] == pytest.approx(GRAVITY[-1] + 1)
    assert got.unpaired == 2
    assert got.notes[1].startswith("2 of 3 accelerometer readings were left out")


def test_a_gap_in_gravity_is_not_bridged():
    gravity = [entry for number, entry in enumerate(entries("gravity", GRAVITY)) if not 10 <= number < 40]
    got = read(entries("accelerometer", SHAKEN), gravity, frame="android")
    # Readings 10 and 39 are one period from the nearest gravity reading.
    assert got.times.tolist() == [time // 1_000 for n, time in enumerate(times_of(50)) if not 11 <= n < 39]
    assert got.unpaired == 28


def test_gravity_once_per_second_pairs_within_a_quarter_of_a_second():
    slow = entries("gravity", GRAVITY[:3], times_of(3, period=1_000_000_000))
    got = read(entries("accelerometer", SHAKEN), slow, frame="android")
    # From 0.26 s to 0.74 s no gravity is near.
    assert got.times.tolist() == [time // 1_000 for n, time in enumerate(times_of(50)) if not 13 <= n <= 37]


def test_a_single_reading_of_gravity_pairs_with_its_own_time_only():
    got = read(entries("accelerometer", SHAKEN), entries("gravity", GRAVITY[:1]), frame="android")
    assert got.times.tolist() == [START_US] and got.unpaired == 49


def test_a_document_without_pairs_gives_no_readings_and_a_note():
    got = read(entries("accelerometer", SHAKEN), entries("gravity", GRAVITY[:5], times_of(5, start=START_NS + 10**11)))
    assert len(got) == 0 and got.axes.shape == (0, 3) and got.unpaired == 50
    assert any("50 of 50" in note for note in got.notes)


# Order, repeats, limits


def test_readings_are_sorted_by_time():
    mixed = [LINEAR_AND_GRAVITY[number] for number in np.random.default_rng(3).permutation(100)]
    got, expected = read(mixed), read(LINEAR_AND_GRAVITY)
    assert np.array_equal(got.times, expected.times) and np.array_equal(got.axes, expected.axes)


def test_identical_repeats_are_merged_and_conflicts_are_resolved_regardless_of_order():
    total = entries("totalAcceleration", TOTAL)
    got = read(total, total[10:20])
    assert np.array_equal(got.axes, FLOAT_TOTAL) and len(got.notes) == 1
    other = {**total[7], "values": {"x": 50.0, "y": 0.0, "z": 0.0}}
    first, last = read(other, total), read(total, other)
    assert np.array_equal(first.axes, FLOAT_TOTAL) and np.array_equal(last.axes, FLOAT_TOTAL)
    assert first.notes[1] == "readings left out because another reading has the same time but other values: 1"


def test_a_reading_in_g_that_exceeds_the_limit_in_metres_is_rejected():
    total = TOTAL / G
    total[20] = [0, 0, 21]
    rejected = rejection(entries("accelerometerUncalibrated", total))
    assert rejected.code == "magnitude" and "205.9" in rejected.detail


# One convention per session


def test_the_convention_is_kept_although_a_later_document_alone_would_lead_to_another():
    reader = SessionReader()
    reader.read(decode_push(document(entries("accelerometerUncalibrated", -TOTAL / G))))
    later = reader.read(decode_push(document(entries("accelerometerUncalibrated", -TOTAL), LINEAR_AND_GRAVITY)))
    assert later.notes[0] == "accelerometerUncalibrated in g, signs inverted (iOS)"
    kept = reader.read(
        decode_push(document(entries("accelerometerUncalibrated", -TOTAL / G), entries("totalAcceleration", TOTAL)))
    )
    assert kept.notes[0] == "accelerometerUncalibrated in g, signs inverted (iOS)"


def test_a_few_readings_do_not_determine_the_convention_of_the_session():
    reader = SessionReader()
    stumble = np.tile([0.0, 0.0, 2.0], (5, 1))
    assert "in g" in reader.read(decode_push(document(entries("accelerometerUncalibrated", stumble)))).notes[0]
    for second in (TOTAL[:10], TOTAL[10:20], TOTAL[20:]):
        got = reader.read(decode_push(document(entries("accelerometerUncalibrated", second))))
        assert "in m/s²" in got.notes[0]
    # Two documents of ten readings agreed, so the convention is final.
    assert "in m/s²" in reader.read(decode_push(document(entries("accelerometerUncalibrated", stumble)))).notes[0]


def test_readings_that_disagree_reset_the_count():
    reader = SessionReader()
    stumble = np.tile([0.0, 0.0, 2.0], (10, 1))
    words = [
        reader.read(decode_push(document(entries("accelerometerUncalibrated", axes)))).notes[0]
        for axes in (TOTAL[:15], stumble, TOTAL, stumble)
    ]
    assert ["in m/s²" in word for word in words] == [True, False, True, True]


def test_a_document_without_the_stream_of_the_recording_is_rejected():
    reader = SessionReader()
    reader.read(decode_push(document(entries("totalAcceleration", TOTAL))))
    rejected = rejection(LINEAR_AND_GRAVITY, reader=reader)
    assert rejected.code == "stream"
    assert "totalAcceleration" in rejected.detail and "accelerometer, gravity" in rejected.detail


def test_a_later_document_without_gravity_is_rejected():
    reader = SessionReader()
    reader.read(decode_push(document(LINEAR_AND_GRAVITY)))
    assert rejection(entries("accelerometer", SHAKEN), reader=reader).code == "gravity"


@pytest.mark.parametrize("frame", ["android", "ios", "standardised", "unknown"])
@pytest.mark.parametrize(
    "payload",
    [
        entries("totalAcceleration", TOTAL),
        entries("accelerometerUncalibrated", -TOTAL / G),
        LINEAR_AND_GRAVITY,
        LINEAR_AND_GRAVITY + entries("accelerometerUncalibrated", TOTAL),
    ],
)
def test_a_reader_after_a_restart_and_a_document_sent_again_give_the_same(frame, payload):
    push, reader = decode_push(document(payload)), SessionReader(frame)
    first, again, restarted = reader.read(push), reader.read(push), SessionReader(frame).read(push)
    for other in (again, restarted):
        assert other.notes == first.notes
        assert other.times.tobytes() == first.times.tobytes() and other.axes.tobytes() == first.axes.tobytes()


@pytest.mark.parametrize(
    ("payload", "notes"),
    [([], 0), ([{"name": "gyroscope"}], 1), (entries("gravity", GRAVITY), 1)],
)
def test_a_document_without_acceleration_determines_nothing_and_adds_a_note(payload, notes):
    reader = SessionReader()
    got = reader.read(decode_push(document(payload)))
    assert len(got) == 0 and len(got.notes) == notes and reader.choice is None
    assert all("switch on Accelerometer and Gravity" in note for note in got.notes)
    assert len(reader.read(decode_push(document(entries("totalAcceleration", TOTAL))))) == 50


def test_inverting_ios_signs_makes_no_negative_zeros():
    gravity = np.tile([0.0, 0.0, -9.8], (50, 1))
    got = read(entries("accelerometer", 0 * gravity), entries("gravity", gravity), frame="ios")
    assert not np.signbit(got.axes).any()

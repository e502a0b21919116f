"""Documents generated from recordings give the same readings again, whichever sensors the app sends."""

import json
from pathlib import Path

import numpy as np
import pytest

from har.recordings import Recording
from ingest.sensor_logger.document import decode_push
from ingest.sensor_logger.streams import Readings, SessionReader
from recording_files.loading import load_recordings
from tests.ingest.sensor_logger.recorded_session import RecordedSession, recorded_session, split_gravity

pytestmark = pytest.mark.slow

START_NS = 1_698_501_144_401_773_451
#: Two minutes of each recording in which the wearers move.
READINGS = slice(2_000, 8_000)
#: Largest error of interpolated gravity, and of gravity held constant at the ends of a document, m/s².
INTERPOLATED, HELD = 0.005, 0.1
WORDS = {
    ("android", "android"): "totalAcceleration, signs kept (Android)",
    ("android", "unknown"): "totalAcceleration, signs kept (Android or standardised)",
    ("ios", "ios"): "accelerometer + gravity, signs inverted (iOS)",
    ("ios", "unknown"): "accelerometer + gravity, signs inverted (assumed iOS)",
    ("ios-uncalibrated", "ios"): "accelerometerUncalibrated in g, signs inverted (iOS)",
    ("ios-uncalibrated", "unknown"): "accelerometerUncalibrated in g, signs inverted (iOS)",
}


@pytest.fixture(scope="module", params=["pocket_6_users", "hapt_24_users"])
def recordings(request: pytest.FixtureRequest, shared_data: Path) -> list[Recording]:
    """Two minutes of three wearers."""
    whole = load_recordings([shared_data / f"{request.param}.parquet"])
    by_user = {recording.user: recording for recording in whole}
    return [_part(recording, READINGS) for recording in list(by_user.values())[:3]]


def _part(recording: Recording, part: slice) -> Recording:
    return Recording(
        user=recording.user,
        device=recording.device,
        model=recording.model,
        session=recording.session,
        times=recording.times[part],
        axes=recording.axes[part],
        labels=recording.labels[part],
    )


def made_recording() -> Recording:
    """One minute of synthetic float32 readings of all magnitudes that a phone measures."""
    rng = np.random.default_rng(11)
    axes = np.array([0.0, 9.8, 0.0]) + rng.normal(size=(3_000, 3)) * 10 ** rng.uniform(-4, 1, (3_000, 3))
    labels = np.full(3_000, "walk")
    return Recording("u", "d", "m", "s", np.arange(3_000) * 20_000, axes.astype(np.float32), labels)


def read_all(documents: list[bytes], frame: str) -> list[Readings]:
    reader = SessionReader(frame)
    return [reader.read(decode_push(body)) for body in documents]


def assert_same(got: list[Readings], session: RecordedSession) -> None:
    assert np.array_equal(np.concatenate([readings.times for readings in got]), session.times)
    # Adding 0.0 turns -0.0 into 0.0, as the project does everywhere.
    assert np.concatenate([readings.axes for readings in got]).tobytes() == (session.axes + np.float32(0)).tobytes()


def without(name: str, documents: list[bytes]) -> list[bytes]:
    bodies = []
    for body in map(json.loads, documents):
        body["payload"] = [entry for entry in body["payload"] if entry["name"].lower() != name]
        bodies.append(json.dumps(body).encode())
    return bodies


@pytest.mark.parametrize(("variant", "frame"), WORDS)
def test_every_variant_of_a_real_recording_is_restored_bit_for_bit(recordings, variant, frame):
    for recording in recordings:
        session = recorded_session(recording, variant, START_NS)
        got = read_all(session.documents, frame)
        assert_same(got, session)
        assert {readings.notes[0] for readings in got} == {WORDS[variant, frame]}
        assert sum(readings.unpaired for readings in got) == 0


@pytest.mark.parametrize(("variant", "frame"), WORDS)
def test_every_variant_of_a_synthetic_recording_is_restored_bit_for_bit(variant, frame):
    session = recorded_session(made_recording(), variant, START_NS)
    assert_same(read_all(session.documents, frame), session)


def test_a_real_recording_is_restored_closely_from_androids_gravity_at_other_times(recordings):
    for recording in recordings:
        session = recorded_session(recording, "android", START_NS)
        got = read_all(without("totalacceleration", session.documents), "android")
        assert got[0].notes[0] == "accelerometer + gravity, signs kept (Android)"
        assert np.array_equal(np.concatenate([readings.times for readings in got]), session.times)
        error = np.abs(np.concatenate([readings.axes for readings in got]) - session.axes)
        inside = np.arange(len(error)) % 50
        assert error[(inside > 0) & (inside < 49)].max() < INTERPOLATED
        # Above zero, because gravity has other times.
        assert 0 < error.max() < HELD


@pytest.mark.parametrize("variant", ["android", "ios", "ios-uncalibrated"])
def test_a_reader_that_begins_anywhere_in_a_recording_chooses_the_same_convention(recordings, variant):
    for recording in recordings:
        documents = recorded_session(recording, variant, START_NS).documents
        words = {SessionReader().read(decode_push(body)).notes[0] for body in documents}
        assert words == {WORDS[variant, "unknown"]}


def test_a_real_recording_in_mixed_order_with_repeats_gives_the_same_readings(recordings):
    session = recorded_session(recordings[0], "ios", START_NS)
    rng, mixed = np.random.default_rng(2), []
    for body in map(json.loads, session.documents):
        entries = body["payload"]
        order = [*rng.permutation(len(entries)), *rng.integers(0, len(entries), 20)]
        mixed.append(json.dumps(body | {"payload": [entries[place] for place in order]}).encode())
    assert_same(read_all(mixed, "ios"), session)


def test_linear_acceleration_and_gravity_add_up_exactly(recordings):
    for recording in recordings:
        linear, gravity = split_gravity(recording.axes.astype(np.float64), 50.0)
        sent = np.array(json.loads(json.dumps([linear.tolist(), gravity.tolist()])))
        # The sum is exact in float64, also after conversion to JSON, and not only after rounding to float32.
        assert np.array_equal(sent[0] + sent[1], recording.axes)
        # The test is only meaningful if the estimate of gravity is realistic.
        assert np.median(np.linalg.norm(gravity, axis=1)) == pytest.approx(9.8, abs=1)
        assert np.abs(linear).max() > 3


def test_a_session_is_split_into_numbered_documents_of_one_second():
    session = recorded_session(made_recording(), "android", START_NS, annotations=[(2.5, "walking"), (7.0, "stop")])
    bodies = [json.loads(body) for body in session.documents]
    assert [body["messageId"] for body in bodies] == list(range(len(bodies)))
    # Gravity's last reading may be after the last full second.
    assert len(bodies) in {60, 61}
    for number, body in enumerate(bodies):
        seconds = [(entry["time"] - START_NS) // 10**9 for entry in body["payload"]]
        assert set(seconds) == {number}
    names = {entry["name"] for body in bodies for entry in body["payload"]}
    assert {"location", "battery", "gravity", "Gravity", "totalAcceleration", "TotalAcceleration"} <= names
    annotations = [
        annotation for readings in read_all(session.documents[:10], "android") for annotation in readings.annotations
    ]
    assert [(annotation.time - START_NS // 1_000, annotation.activity) for annotation in annotations] == [
        (2_500_000, "walk"),
        (7_000_000, None),
    ]

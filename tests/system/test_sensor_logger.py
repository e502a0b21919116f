"""A session pushed like the app Sensor Logger gives the predictions of a replay of the same readings."""

import time
import urllib.request
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deploy.audit.summary import Expected
from deploy.stack import GATEWAY
from har.windowing import recording_windows
from recording_files.loading import load_recordings
from tests import brokers
from tests.ingest.sensor_logger.recorded_session import recorded_session

pytestmark = pytest.mark.kafka
SERVICES = (GATEWAY,)

SECONDS = 90
#: The app makes no promise of what is still to come, so the last windows wait for the grace, or for silence.
LAST_WINDOWS = 4


def part_of(shared_data):
    """Return the first minute and a half of a wearer the network was not trained on."""
    recording = next(r for r in load_recordings([shared_data / "pocket_6_users.parquet"]) if r.user == "u06")
    times, kept = np.unique(recording.times, return_index=True)
    kept = kept[times < times[0] + SECONDS * 1_000_000]
    return replace(recording, times=recording.times[kept], axes=recording.axes[kept], labels=recording.labels[kept])


def write(recording, file):
    count = len(recording.times)
    columns = {name: [getattr(recording, name)] * count for name in ("user", "device", "model", "session")}
    columns |= {"t": recording.times} | {axis: recording.axes[:, number] for number, axis in enumerate("xyz")}
    pq.write_table(pa.table({**columns, "gt": ["null"] * count}), file)
    return file


@pytest.mark.parametrize(
    ("system", "variant", "period_seconds"),
    [(brokers.EMBEDDED, "android", 1), (brokers.APACHE, "ios", 30), (brokers.APACHE, "ios-uncalibrated", 5)],
    indirect=["system"],
    scope="module",
)
def test_a_pushed_session_gives_the_predictions_of_its_replay(system, shared_data, tmp_path, variant, period_seconds):
    recording = part_of(shared_data)
    file = write(recording, tmp_path / "part.parquet")
    replayed = system.replay(f"replayed-{variant}", str(file), "--speed", "30")
    seen = system.predictions(replayed).predictions
    by_replay = [seen[key] for key in sorted(replayed.truth)]

    # At the same fraction of a second as the recording, so that windows are cut at the same places.
    start = (time.time_ns() // 1_000_000_000 - SECONDS - 5) * 1_000_000 + int(recording.times[0]) % 1_000_000
    session = recorded_session(
        recording,
        variant,
        start * 1_000,
        device_id=f"logger-{variant}",
        session_id="s",
        period_seconds=period_seconds,
    )
    for document in session.documents:
        url = f"http://127.0.0.1:{system.stack.addresses.gateway}/v1/sensor-logger"
        with urllib.request.urlopen(urllib.request.Request(url, document), timeout=30) as answer:
            assert answer.status == 200
    starts = recording_windows(session.times, session.axes).starts.tolist()
    keys = [(f"logger-{variant}", "s", start) for start in starts[:-LAST_WINDOWS]]
    pushed = system.predictions(Expected(1, 0, dict.fromkeys(keys))).predictions
    assert len(starts) == len(by_replay) > SECONDS - 15
    for key, expected in zip(keys, by_replay, strict=False):
        assert pushed[key].probabilities == expected.probabilities

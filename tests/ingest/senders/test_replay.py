import asyncio
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from har.recordings import Recording
from har.windowing import recording_windows
from ingest.senders.replay import plan_replay
from tests.brokers import on_one_broker
from tests.ingest.gateway.running_gateway import arrived, gateway_on


def recording(seconds: int = 20) -> Recording:
    times = np.arange(0, seconds * 1_000_000, 20_000)
    axes = np.random.default_rng(0).normal([0, 0, 9.8], 3, (len(times), 3)).astype(np.float32)
    return Recording("user 1", "galaxy", "m", "e/1", times, axes, np.full(len(times), "walk"))


def test_a_replay_ends_with_the_clock_and_has_the_windows_of_the_recording():
    now = 1_763_900_000_123_456
    for speed in (0.5, 1, 4):
        (plan,) = plan_replay([recording()], now_us=now, speed=speed, hop_us=1_000_000)
        assert plan.shift_us % 1_000_000 == 0
        ends = int(plan.recording.times.max()) + plan.shift_us
        assert 0 <= now + 20_000_000 / max(speed, 1) - ends < 1_100_000
        offline = recording_windows(plan.recording.times, plan.recording.axes)
        replayed = recording_windows(plan.recording.times + plan.shift_us, plan.recording.axes)
        assert (offline.starts + plan.shift_us).tolist() == replayed.starts.tolist()
        assert offline.values.tobytes() == replayed.values.tobytes()


def test_device_names_are_valid_identifiers():
    (plan,) = plan_replay([recording()], now_us=0, speed=1, hop_us=1_000_000)
    assert plan.name.device == "galaxy-user-1-e-1"


@on_one_broker
async def test_the_command_replays_a_recording_to_its_end(broker, tmp_path):
    original = recording()
    names = {name: [getattr(original, name)] * len(original.times) for name in ("user", "device", "model", "session")}
    axes = {name: original.axes[:, column] for column, name in enumerate("xyz")}
    columns = {**names, "t": original.times, **axes, "gt": original.labels.tolist()}
    pq.write_table(pa.table(columns), tmp_path / "recording.parquet")
    async with gateway_on(broker) as address:
        words = ["replay", tmp_path / "recording.parquet", "--speed", "40", "--devices", "8", "--quiet"]
        gateway = ["--gateway", f"ws://{address}/v1/samples"]
        replay = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "deploy", *words, *gateway, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await replay.communicate()
    assert replay.returncode == 0
    assert output.decode() == "replayed 1000 readings as galaxy-user-1-e-1; 0 batches rejected\n"
    batches = arrived(broker, 20)
    times = np.concatenate([batch.times for batch in batches])
    assert (times - times[0]).tolist() == original.times.tolist()
    assert np.concatenate([batch.axes for batch in batches]).tobytes() == original.axes.tobytes()

import asyncio
import gzip
import os
import signal
import sys
from pathlib import Path
from time import monotonic

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from har import topics
from har.binary_samples import decode_batch
from har.recordings import Recording
from har.windowing import recording_windows
from ingest.senders.device_names import RecordingKey
from ingest.senders.disconnects import GatewayRejectsError
from ingest.senders.journal import read_journals
from ingest.senders.phone_client import PhoneClient
from ingest.senders.replay import read, replay
from ingest.senders.replay_settings import ReplaySettings
from ingest.senders.replay_streaming import shift_of
from ingest.senders.spool import SpooledRecording
from tests.brokers import on_one_broker
from tests.command_line import CommandLine
from tests.ingest.gateway.running_gateway import arrived, gateway_on

READINGS = 1_000


def recording(user: str = "user 1", device: str = "galaxy", *, scale: float = 1) -> Recording:
    times = np.arange(READINGS) * 20_000
    axes = np.random.default_rng(0).normal([0, 0, 9.8], 3, (READINGS, 3)).astype(np.float32)
    return Recording(user, device, "m", "e/1", times, axes * np.float32(scale), np.full(READINGS, "walk"))


def table(*recordings: Recording) -> pa.Table:
    tables = []
    for of in recordings:
        names = {name: [getattr(of, name)] * len(of.times) for name in ("user", "device", "model", "session")}
        axes = {name: of.axes[:, column] for column, name in enumerate("xyz")}
        tables.append(pa.table({**names, "t": of.times, **axes, "gt": of.labels.tolist()}))
    return pa.concat_tables(tables)


def write(path: Path, *recordings: Recording) -> Path:
    pq.write_table(table(*recordings), path)
    return path


def settings_for(address: str, *files: Path, **more: object) -> ReplaySettings:
    options = {"speed": 100, "quiet": True} | more
    return ReplaySettings(files=list(files), gateway=f"ws://{address}/v1/samples", **options)


def test_a_replay_ends_with_the_clock_and_has_the_windows_of_the_recording():
    original, now = recording(), 1_763_900_000_123_456
    times, axes, last = original.times, original.axes, int(original.times[-1])
    spooled = SpooledRecording(RecordingKey("d", "u", "s"), times, axes, 0, last, np.zeros(0, np.int32), np.array([""]))
    offline = recording_windows(times, axes)
    for speed in (0.5, 1, 4):
        shift_us = shift_of(spooled, begins_us=now, speed=speed)
        assert shift_us % 1_000_000 == 0
        assert 0 <= now + 20_000_000 / max(speed, 1) - (last + shift_us) < 1_100_000
        replayed = recording_windows(times + shift_us, axes)
        assert (offline.starts + shift_us).tolist() == replayed.starts.tolist()
        assert offline.values.tobytes() == replayed.values.tobytes()


@on_one_broker
async def test_the_command_replays_a_recording_to_its_end(broker, tmp_path):
    original = recording()
    file = write(tmp_path / "recording.parquet", original)
    async with gateway_on(broker) as address:
        words = ["replay", file, "--speed", "40", "--devices", "8", "--quiet"]
        gateway = ["--gateway", f"ws://{address}/v1/samples"]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "deploy", *words, *gateway, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
    assert process.returncode == 0
    assert output.decode() == "replayed 1,000 readings as galaxy-user-1-e-1\n"
    batches = arrived(broker, 20)
    times = np.concatenate([batch.times for batch in batches])
    assert (times - times[0]).tolist() == original.times.tolist()
    assert np.concatenate([batch.axes for batch in batches]).tobytes() == original.axes.tobytes()


@on_one_broker
async def test_any_names_and_files_are_replayed_as_devices_of_their_own_each_round_in_a_new_session(broker, tmp_path):
    first = tmp_path / "folder"
    first.mkdir()
    write(first / "一.parquet", recording("王伟", "Åsas telefon"), recording("王薇", "Åsas telefon"))
    text = tmp_path / "other app"
    rows = enumerate(recording().axes.tolist())
    lines = [";".join([f"{20 * row}", *(f"{value:.3f}".replace(".", ",") for value in axes)]) for row, axes in rows]
    lines = ["timestamp;acc x;acc y;acc z", *lines]
    text.write_bytes(gzip.compress("\r\n".join(lines).encode("utf-8-sig")))
    async with gateway_on(broker) as address:
        settings = settings_for(address, first, text, loop=2, journal=tmp_path / "journals")
        assert await replay(read(settings), settings) == 0
    journals = [found for found, _ in read_journals(tmp_path / "journals")]
    assert len({(found.device, found.session) for found in journals}) == 6
    one, other, third = sorted({found.device for found in journals})
    assert one[:-6] == other[:-6] == "Asas-telefon-WangWei-e-1-"
    assert third == "phone-other-app"
    assert [len(found.times) for found in journals] == [READINGS] * 6
    assert {found.labels[0] for found in journals} == {"walk", "null"}
    batches = [decode_batch(record.value) for record in broker.read(topics.SAMPLES.name, 120)]
    assert {(batch.device, batch.session) for batch in batches} == {(f.device, f.session) for f in journals}


@on_one_broker
async def test_a_replay_whose_readings_are_all_rejected_fails_with_the_reason(broker, tmp_path, capsys):
    file = write(tmp_path / "hot.parquet", recording(scale=100))
    async with gateway_on(broker) as address:
        settings = settings_for(address, file, force=True)
        assert await replay(read(settings), settings) == 1
    written = capsys.readouterr()
    assert written.out == "replayed 0 readings as galaxy-user-1-e-1\n"
    last = written.err.splitlines()[-1]
    assert last.startswith(
        "har replay: the gateway rejected all readings: 20 for magnitude. The first: galaxy-user-1-e-1"
    )
    assert "the limit is 200 m/s²" in last


@on_one_broker
@pytest.mark.parametrize(("loop", "status"), [(1, 130), ("forever", 0)])
async def test_a_stopped_replay_waits_for_answers_and_has_done_its_work_only_if_it_has_no_end(
    broker, tmp_path, monkeypatch, loop, status
):
    file = write(tmp_path / "recording.parquet", recording())
    accept = PhoneClient._handle_answer

    def stopping(self: PhoneClient, answer: object) -> None:
        accept(self, answer)
        if self.accepted == 3:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(PhoneClient, "_handle_answer", stopping)
    async with gateway_on(broker) as address:
        settings = settings_for(address, file, loop=loop, speed=4, journal=tmp_path / "journals")
        assert await replay(read(settings), settings) == status
    [(journal, count)] = read_journals(tmp_path / "journals")
    assert 3 <= count < 20
    assert len(journal.times) == count * 50


@on_one_broker
async def test_a_gateway_that_wants_a_token_is_named_with_the_device(broker, tmp_path):
    file = write(tmp_path / "recording.parquet", recording())
    async with gateway_on(broker, token="secret" * 6) as address:
        settings = settings_for(address, file)
        with pytest.raises(GatewayRejectsError, match="the gateway rejects galaxy-user-1-e-1: 401"):
            await replay(read(settings), settings)


def spoiled(original: Recording, **changes: object) -> pa.Table:
    made = table(original)
    for name, values in changes.items():
        made = made.set_column(made.column_names.index(name), name, pa.array(values))
    return made


@pytest.mark.parametrize(
    ("file", "words", "reason"),
    [
        (b"", (), "walk"),
        (b"\x00\xff" * 500, (), "walk"),
        (b"PAR1 cut off", (), "walk cannot be read as a Parquet table"),
        (None, (), "there is no such file or folder"),
        (table(recording())[:0], (), "has no rows"),
        (spoiled(recording(), z=np.full(READINGS, np.nan)), (), "walk"),
        (spoiled(recording(), z=np.full(READINGS, np.nan)), ("--force",), "there are no readings to replay"),
        (
            spoiled(recording(), t=np.arange(READINGS) * 10**12),
            ("--force", "--speed", "9999"),
            "its times span 11,562 days",
        ),
        (table(recording()), ("--users", "user 1,eve"), "there is no user eve, but user 1"),
        (table(recording()), ("--users", " user 1 , eve,"), "there is no user eve, but user 1"),
        (table(recording()), ("walk",), "is given twice"),
    ],
)
def test_files_that_cannot_be_replayed_are_told_in_one_line(file, words, reason, tmp_path, monkeypatch, capsys):
    path = tmp_path / "walk"
    if isinstance(file, bytes):
        path.write_bytes(file)
    elif file is not None:
        pq.write_table(file, path)
    monkeypatch.chdir(tmp_path)
    ran = CommandLine(monkeypatch, capsys).call("replay", str(path), *words)
    assert ran.status == 2, ran.err
    last = ran.err.splitlines()[-1]
    assert last.startswith("har replay: ")
    assert str(path) in last
    assert reason in last


def test_a_gateway_that_cannot_be_reached_is_told_during_a_pause_of_the_recording(tmp_path, monkeypatch, capsys):
    times = np.arange(READINGS) * 20_000
    times[1:] += 600_000_000
    pq.write_table(spoiled(recording(), t=times), tmp_path / "walk")
    words = ("--gateway", "ws://127.0.0.1:9/v1/samples", "--first-seconds", "0.1")
    began = monotonic()
    ran = CommandLine(monkeypatch, capsys).call("replay", str(tmp_path / "walk"), *words)
    assert ran.status == 1
    assert "cannot connect to the gateway" in ran.err
    assert monotonic() - began < 60


def test_no_gateway_is_told_and_leaves_no_temporary_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    file = write(tmp_path / "recording.parquet", recording())
    words = ("--gateway", "ws://127.0.0.1:9/v1/samples", "--first-seconds", "0.1")
    ran = CommandLine(monkeypatch, capsys).call("replay", str(file), *words)
    assert ran.status == 1
    assert "galaxy-user-1-e-1 is user user 1, session e/1, device galaxy" in ran.err
    assert "cannot connect to the gateway at ws://127.0.0.1:9" in ran.err.splitlines()[-1]
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_recording_that_the_shipped_releases_can_classify_is_replayed(tmp_path, monkeypatch, capsys):
    every = table(recording())
    slow = tmp_path / "slow.parquet"
    pq.write_table(every.take(list(range(0, READINGS, 2))), slow)  # 25 readings a second
    ran = CommandLine(monkeypatch, capsys).call(
        "replay", str(slow), "--gateway", "ws://127.0.0.1:9/v1/samples", "--first-seconds", "0.1"
    )
    assert ran.status == 1  # no gateway: the file itself is no obstacle
    assert "too little" not in ran.err

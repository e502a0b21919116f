"""The trainer reads the tables that the archiver writes."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from har.recordings import RecordingError
from har.samples import in_order_batch
from ingest.archive.compaction import compact
from ingest.archive.forgetting import forget
from recording_files import find_source
from recording_files.formats.collected import CollectedSource
from recording_files.loading import load_recordings
from tests.brokers import on_one_broker
from tests.ingest.archive.archived import BEGIN, Archive, make_label
from trainer.data_report.report import render_report
from trainer.data_report.survey import survey_source
from trainer.preparation.ranges import ranges_of, read_range

pytestmark = on_one_broker


@pytest.fixture
def archive(broker, tmp_path):
    """An archive in a folder with special characters in its name."""
    return Archive(broker.bootstrap, str(tmp_path / "what phones sent, 100% ü"))


def send(archive, device="phone-1", *, sequences=range(10), session="s1") -> None:
    archive.send(
        in_order_batch(
            device, session, number, BEGIN + number * 1_000_000 + np.arange(50) * 20_000,
            np.full((50, 3), 5.6, np.float32), earlier_until=BEGIN - 1,
        )
        for number in sequences
    )  # fmt: skip


def in_order(recording) -> list[str]:
    return recording.labels[np.argsort(recording.times)].tolist()


def test_labels_apply_to_the_readings_of_their_session_and_interval(archive):
    send(archive, sequences=range(5))
    archive.send_labels(make_label("walk", 2), make_label("sit", 3, 4, device="phone-2"))
    archive.collect()
    send(archive, sequences=range(3, 10))  # sent again in part
    send(archive, "phone-2")
    archive.send_labels(make_label("walk", 2, 6, at=6), make_label("stand", 8))
    archive.collect()
    one, two = sorted(load_recordings([Path(archive.path)]), key=lambda recording: recording.device)
    assert in_order(one) == ["null"] * 100 + ["walk"] * 200 + ["null"] * 100 + ["stand"] * 100
    assert sorted(one.times.tolist()) == (BEGIN + np.arange(500) * 20_000).tolist()
    assert in_order(two) == ["null"] * 150 + ["sit"] * 50 + ["null"] * 300


def test_the_words_of_wearers_and_their_corrections_are_understood(archive):
    send(archive)
    archive.send_labels(make_label("walking", 0, 3), make_label("unknown", 3, 5), make_label("Tai-Chi", 5, 10))
    archive.collect()
    archive.send_labels(
        make_label("Cycling", 0, 3, at=20),  # another activity
        make_label("null", 6, 7, at=21),  # a part without an activity
        make_label("tai chi", 3, 4, at=22), make_label("tai chi", 3, 3, at=23),  # withdrawn, and what was before, too
    )  # fmt: skip
    archive.collect()
    (recording,) = load_recordings([Path(archive.path)])
    expected = [("bike", 3), ("null", 2), ("tai_chi", 1), ("null", 1), ("tai_chi", 3)]
    assert in_order(recording) == [label for label, seconds in expected for _ in range(50 * seconds)]
    stated = pq.read_table(Path(archive.path) / "labels", partitioning=None, columns=["activity"])[
        "activity"
    ].to_pylist()
    assert "walking" in stated, "the archive keeps what was said"


def test_replaced_and_uncommitted_files_are_not_read(archive):
    for number in range(4):
        send(archive, sequences=[number])
        archive.send_labels(make_label("walk", number))
        archive.collect()
    old = find_source(archive.path).sample_files()
    compact(archive.table(), 1)
    folder = old[0].parent
    # A file that a writer wrote but did not commit.
    pq.write_table(pq.read_table(old[0], partitioning=None), folder / "part-uncommitted.parquet")
    pq.write_table(pa.table({"nothing": [1]}), Path(archive.path) / "labels" / "part-uncommitted.parquet")
    source = find_source(archive.path)
    assert isinstance(source, CollectedSource)
    (file,) = source.sample_files()
    assert file.parent == folder
    assert file.name not in {each.name for each in old}
    assert sum(map(len, source.parts())) == 200
    ranges = ranges_of(source)
    assert [Path(name) for each in ranges for name in each.samples] == [file]
    assert sum(len(part) for each in ranges for part in read_range(each)) == 200


def test_an_archive_without_rows_is_rejected(archive):
    archive.collect()
    with pytest.raises(RecordingError, match="has no rows yet"):
        list(find_source(archive.path).parts())


def test_readings_of_an_archive_without_labels_have_the_label_null(archive):
    send(archive)
    archive.collect()
    (recording,) = load_recordings([Path(archive.path)])
    assert set(recording.labels.tolist()) == {"null"}


def test_a_damaged_log_is_reported(archive):
    send(archive)
    archive.collect()
    (Path(archive.path) / "samples" / "_delta_log" / f"{0:020}.json").write_text("{")
    with pytest.raises(RecordingError, match="_delta_log cannot be read"):
        find_source(archive.path).sample_files()


def test_a_forgotten_device_is_not_in_the_training_data(archive):
    send(archive)
    send(archive, "phone-2")
    archive.collect()
    forget(archive.path, "phone-1")
    (recording,) = load_recordings([Path(archive.path)])
    assert recording.device == "phone-2"


def test_a_url_is_rejected_with_instructions(archive):
    for name in ("s3://bucket/archive", Path("s3://bucket/archive")):
        with pytest.raises(RecordingError, match="copy the data to this machine"):
            find_source(name)


def test_files_of_a_session_are_read_in_order_of_time(archive):
    for number in range(6):
        send(archive, sequences=[number])
        archive.collect()
    times = np.concatenate([part.times() for part in find_source(archive.path).parts()])
    assert (np.diff(times) > 0).all()


def test_a_session_with_a_pause_between_two_files_can_be_reported(archive):
    for number in (0, 60):
        send(archive, sequences=[number])
        archive.collect()
    survey = survey_source(find_source(archive.path))
    assert survey.sessions[0].gaps == 1
    assert "sequence" not in render_report([survey], 1)

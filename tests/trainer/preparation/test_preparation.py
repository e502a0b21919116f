import dataclasses
import shutil

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest

from har.recordings import RecordingError
from har.releases import TrainingData
from har.signal_quality import SignalBounds
from har.windowing import WindowSpec
from recording_files.formats.parquet import PROVENANCE_KEY
from tests.trainer.made_recordings import made_recording, write_recordings
from trainer.preparation.in_process import prepare_in_process
from trainer.preparation.pieces import windows_of
from trainer.preparation.plan import TRAIN, VALIDATION, PreparationPlan
from trainer.preparation.shards import ShardError, read_index, read_shards
from trainer.runs.preparation import describe_left_out, open_prepared, prepare

LONG = WindowSpec(steps=60, rate_hz=50, hop_us=500_000)
PLAN = PreparationPlan(
    classes=("sit", "walk"), training_windows=LONG, windows=WindowSpec(steps=50), held_out_share=0.2, shards=4
)


def people(count):
    return [made_recording(f"u{number:02d}") for number in range(count)]


def windows_in(folder, index, split):
    spec = index.plan.spec_of(split)
    return windows_of(read_shards(folder, index.of(split)), spec, PLAN.classes).all()


def test_no_person_is_in_two_splits(tmp_path):
    index = prepare_in_process({"made": people(12)}, PLAN, tmp_path / "prepared")

    train, validation = (set(index.windows(split)) for split in (TRAIN, VALIDATION))

    assert train | validation == {f"made/u{number:02d}" for number in range(12)}
    assert not train & validation
    assert validation
    assert not index.personal


def test_phones_of_one_wearer_are_in_one_split(tmp_path):
    phones = [made_recording(f"u{user:02d}", device=f"phone{phone}") for user in range(8) for phone in range(3)]

    index = prepare_in_process({"made": phones}, PLAN, tmp_path / "prepared")

    users = [{person.partition("/")[2] for person in index.windows(split)} for split in (TRAIN, VALIDATION)]
    assert not users[0] & users[1]
    assert len(index.windows(VALIDATION)) == 3 * len(users[1])


def test_users_of_the_same_name_in_two_data_sets_are_different_people(tmp_path):
    first = [made_recording(f"u{user:02d}", device="one") for user in range(8)]
    second = [made_recording(f"u{user:02d}", device="other") for user in range(8)]

    index = prepare_in_process({"one": first, "other": second}, PLAN, tmp_path / "prepared")

    assert len(set(index.wearers.values())) == 16


def test_validation_people_stay_when_others_join(tmp_path):
    before = prepare_in_process({"made": people(12)}, PLAN, tmp_path / "before")
    after = prepare_in_process({"made": people(20)}, PLAN, tmp_path / "after")

    assert set(before.windows(VALIDATION)) <= set(after.windows(VALIDATION))


def test_data_sets_of_the_same_file_name_are_distinguished(tmp_path):
    data = []
    for place, users in (("a", range(4)), ("b", range(4, 9))):
        (tmp_path / place).mkdir()
        theirs = [made_recording(f"u{number:02d}", device=f"phone_{place}") for number in users]
        data.append(write_recordings(tmp_path / place / "data.parquet", theirs))

    index = prepare(data, PLAN, tmp_path / "prepared", spark=None, executors=1)

    assert sorted(index.models) == [
        *(f"phone_a/u{n:02d}" for n in range(4)),
        *(f"phone_b/u{n:02d}" for n in range(4, 9)),
    ]
    assert index.sources == ["a/data.parquet", "b/data.parquet"]


def test_the_same_session_in_two_data_sets_is_rejected(tmp_path):
    data = [write_recordings(tmp_path / f"{name}.parquet", people(6)) for name in ("one", "two")]

    with pytest.raises(
        RecordingError, match=r"two\.parquet: session s1 of made/u00 is in an earlier table.*one\.parquet"
    ):
        prepare(data, PLAN, tmp_path / "prepared", spark=None, executors=1)


def test_stated_provenance_is_kept(tmp_path):
    stated = b'[{"name": "Our walks", "licence": "CC BY-NC 4.0", "source": "our lab"}]'
    own = write_recordings(tmp_path / "own.parquet", people(6))
    pq.write_table(pq.read_table(own).replace_schema_metadata({PROVENANCE_KEY: stated}), own)
    other = write_recordings(
        tmp_path / "other.parquet", [made_recording(device="galaxy_s8"), made_recording(device="p")]
    )

    index = prepare([own, other], PLAN, tmp_path / "prepared", spark=None, executors=1)

    assert index.provenance[0] == TrainingData("Our walks", "CC BY-NC 4.0", "our lab")
    assert [data.licence for data in index.provenance[1:]] == ["MIT", "not stated"]
    assert read_index(tmp_path / "prepared").provenance == index.provenance


def test_few_people_are_split_in_time_without_a_shared_reading(tmp_path):
    index = prepare_in_process({"made": people(2)}, PLAN, tmp_path / "prepared")
    train = windows_in(tmp_path / "prepared", index, TRAIN)
    validation = windows_in(tmp_path / "prepared", index, VALIDATION)

    assert index.personal
    for person in ("made/u00", "made/u01"):
        for label in (0, 1):
            ends = train.starts[(train.people == person) & (train.labels == label)].max() + LONG.length_us
            begins = validation.starts[(validation.people == person) & (validation.labels == label)].min()
            assert ends <= begins


def test_of_runs_too_short_to_cut_the_last_ones_validate(tmp_path):
    # Three runs of 4 s: a fifth of each is shorter than a window of 1 s, and a fifth of all is the last 2.4 s.
    short = made_recording(seconds=24, labels=("sit", "walk") * 3)
    index = prepare_in_process({"made": [short]}, PLAN, tmp_path / "prepared")
    train = windows_in(tmp_path / "prepared", index, TRAIN)
    validation = windows_in(tmp_path / "prepared", index, VALIDATION)

    for label, end in ((0, 20e6), (1, 24e6)):
        held_out = validation.starts[validation.labels == label]
        assert held_out.min() >= end - 2.4e6
        assert held_out.max() <= end - PLAN.windows.length_us
        assert (train.starts[train.labels == label] + LONG.length_us <= end - 2.4e6).all()


def test_every_person_and_label_is_spread_over_the_shards(tmp_path):
    recordings = [made_recording(f"u{number:02d}", seconds=300) for number in range(8)]
    index = prepare_in_process({"made": recordings}, PLAN, tmp_path / "prepared")

    counts = [shard.count for shard in index.of(TRAIN)]

    assert len(counts) == PLAN.shards
    assert min(counts) > 0.5 * max(counts)


def test_windows_of_slow_phones_are_prepared_if_the_bounds_allow_it(tmp_path):
    slow = {"made": [made_recording(f"u{number:02d}", rate_hz=12) for number in range(6)]}
    with pytest.raises(RecordingError, match=r"\(--signal-bounds\): sparse"):
        prepare_in_process(slow, PLAN, tmp_path / "default")
    plan = msgspec.structs.replace(PLAN, signal_bounds=SignalBounds(lowest_rate_hz=10))
    index = prepare_in_process(slow, plan, tmp_path / "prepared")
    assert len(windows_in(tmp_path / "prepared", index, TRAIN)) > 300
    assert index.unclassified() == {}
    assert read_index(tmp_path / "prepared").plan.signal_bounds == plan.signal_bounds
    assert open_prepared(tmp_path / "prepared", plan) == index
    with pytest.raises(ShardError, match=r"signal_bounds SignalBounds\(lowest_rate_hz=10.*instead of"):
        open_prepared(tmp_path / "prepared", PLAN)


def test_an_existing_folder_is_left_alone(tmp_path):
    prepare_in_process({"made": people(6)}, PLAN, tmp_path / "prepared")
    before = (tmp_path / "prepared" / "prepared.json").read_bytes()

    with pytest.raises(ShardError, match="already exists"):
        prepare_in_process({"made": people(7)}, PLAN, tmp_path / "prepared")

    assert (tmp_path / "prepared" / "prepared.json").read_bytes() == before


def test_a_missing_class_is_named_and_nothing_is_left(tmp_path):
    sitting = [dataclasses.replace(recording, labels=np.full(len(recording.labels), "sit")) for recording in people(6)]

    with pytest.raises(
        RecordingError, match=r"window of 1\.2 s is labelled walk in made\. The recordings are labelled sit\. State"
    ):
        prepare_in_process({"made": sitting}, PLAN, tmp_path / "prepared")

    assert list(tmp_path.iterdir()) == []


def test_rows_of_other_labels_are_null_rows_and_counted(tmp_path):
    words = [made_recording("w", seconds=30.0, labels=("Sitting", "Tai-chi", "bike", "unknown", "tai chi"))]
    made = write_recordings(tmp_path / "words.parquet", [*people(6), *words])

    index = prepare([made], PLAN, tmp_path / "prepared", spark=None, executors=1)

    assert index.rows == {"bike": 300, "null": 300, "sit": 6 * 1_500 + 300, "tai_chi": 600, "walk": 6 * 1_500}
    assert index.unasked_rows() == {"tai_chi": 600, "bike": 300}
    assert describe_left_out(index) == [
        "900 rows have a label that is none of the classes and count as null rows: tai_chi (600), bike (300)"
    ]
    assert {label for labels in index.windows(TRAIN).values() for label in labels} == {"sit", "walk"}


def test_the_labels_that_exist_are_named_if_nothing_has_a_class(tmp_path):
    plan = msgspec.structs.replace(PLAN, classes=("juggle", "run"))

    with pytest.raises(
        RecordingError, match=r"labelled juggle, run in made\. The recordings are labelled sit, walk\. State which"
    ):
        prepare_in_process({"made": people(6)}, plan, tmp_path / "prepared")


def test_recordings_too_short_for_a_window_are_an_error(tmp_path):
    short = [made_recording(f"u{number:02d}", seconds=1) for number in range(6)]

    with pytest.raises(
        RecordingError,
        match=r"^nothing to train on: no training window of 1\.2 s is labelled sit, walk in made: record more",
    ):
        prepare_in_process({"made": short}, PLAN, tmp_path / "prepared")


def test_a_corrupt_shard_is_named(tmp_path):
    index = prepare_in_process({"made": people(6)}, PLAN, tmp_path / "prepared")
    shard = index.of(TRAIN)[1]
    file = tmp_path / "prepared" / shard.file
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)

    with pytest.raises(ShardError, match=f"{shard.file} is corrupt"):
        read_shards(tmp_path / "prepared", index.of(TRAIN))

    file.unlink()
    with pytest.raises(ShardError, match=f"{shard.file}: No such file"):
        read_shards(tmp_path / "prepared", index.of(TRAIN))


def test_invalid_prepared_folder_is_reported(tmp_path):
    with pytest.raises(ShardError, match="is not a prepared folder"):
        read_index(tmp_path)
    (tmp_path / "prepared.json").write_text("{}")
    with pytest.raises(ShardError, match="cannot be read"):
        read_index(tmp_path)


def test_an_interrupted_preparation_can_be_repeated(tmp_path):
    (tmp_path / ".prepared.part").mkdir()
    (tmp_path / ".prepared.part" / "half").write_text("")

    index = prepare_in_process({"made": people(6)}, PLAN, tmp_path / "prepared")

    assert read_index(tmp_path / "prepared") == index
    assert not (tmp_path / ".prepared.part").exists()
    shutil.rmtree(tmp_path / "prepared")

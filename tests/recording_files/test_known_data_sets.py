"""Labels of known data sets are read with their meaning, whatever format holds them."""

import numpy as np
import pyarrow as pa
import pytest

from har.recordings import Recording
from recording_files.falls import with_falls_only
from recording_files.known_data_sets import KNOWN_DATA_SETS
from recording_files.table import Part, make_part


def part_of(devices: list[str], labels: list[str], tmp_path) -> Part:
    count = len(devices)
    columns = {name: ["x"] * count for name in ("user", "model", "session")}
    numbers = {name: [0.0] * count for name in "xyz"} | {"t": [0.02 * row for row in range(count)]}
    return make_part(pa.table({**columns, **numbers, "device": devices, "gt": labels}), tmp_path)


def test_each_row_is_read_with_the_meaning_in_its_own_data_set(tmp_path):
    devices = ["wisdm51_phone", "phone", "wisdm51_phone", "umafall_phone", "hugadb_lt", "galaxy_s2"]
    labels = ["Sit_Typing", "sit_typing", "Stairs", "stand_clapping", "sit_in_car", "sit_to_stand"]
    found = part_of(devices, labels, tmp_path).table["gt"].to_pylist()
    assert found == ["sit", "sit_typing", "null", "stand", "vehicle", "transition"]


def test_labels_of_unknown_devices_keep_their_names(tmp_path):
    assert part_of(["p", "q"], ["Walking", "Rope-Skipping"], tmp_path).table["gt"].to_pylist() == [
        "walk", "rope_skipping",
    ]  # fmt: skip


@pytest.mark.parametrize("device", sorted(KNOWN_DATA_SETS))
def test_a_meaning_is_a_canonical_name_and_no_label_itself(device):
    meanings = KNOWN_DATA_SETS[device].meanings
    assert not set(meanings) & set(meanings.values())


def fall_trial(impacts: list[float], seconds: int = 20) -> Recording:
    times = np.arange(seconds * 50) * 20_000
    axes = np.tile(np.float32([0, 0, 9.8]), (len(times), 1))
    for impact in impacts:
        axes[round(impact * 50)] = (0, 30, 30)
    return Recording("u", "d", "m", "s", times, axes, np.full(len(times), "fall"))


def test_only_the_readings_around_the_impact_show_a_fall():
    found = with_falls_only(fall_trial([10.0]))
    falling = found.times[found.labels == "fall"]
    assert (falling[0], falling[-1]) == (6_000_000, 14_000_000)
    assert set(found.labels[found.labels != "fall"]) == {"null"}


def test_each_stretch_of_a_fall_has_its_own_impact():
    trial = fall_trial([3.0, 15.0])
    labels = trial.labels.copy()
    labels[450:550] = "walk"
    found = with_falls_only(Recording("u", "d", "m", "s", trial.times, trial.axes, labels))
    assert (found.labels[450:550] == "walk").all()
    assert found.labels[0] == found.labels[350] == "fall"
    assert found.labels[400] == "null"
    assert found.labels[750] == "fall"


def test_recordings_without_a_fall_are_unchanged():
    trial = fall_trial([10.0])
    walking = Recording("u", "d", "m", "s", trial.times, trial.axes, np.full(len(trial.times), "walk"))
    assert with_falls_only(walking) is walking

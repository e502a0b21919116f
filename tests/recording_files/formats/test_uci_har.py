"""UCI HAR's windows are put together again into what was recorded."""

from pathlib import Path

import numpy as np
import pytest

from har.recordings import RecordingError
from recording_files import find_source
from recording_files.loading import load_recordings
from tests.recording_files.made_files import write_files, zipped

HALVES = 5


def recorded(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal([0.1, 1.0, 0.0], 0.1, (HALVES * 64, 3)).round(6)


def uci_files(split: str = "train", labels: tuple[int, ...] = (1, 1, 1, 6, 5, 5, 5, 5)) -> dict[str, str]:
    """Return the files of two people, each with four windows that overlap by half."""
    windows = [recorded(seed)[begin * 64 : begin * 64 + 128] for seed in (1, 2) for begin in range(HALVES - 1)]
    files = {
        f"UCI HAR Dataset/{split}/Inertial Signals/total_acc_{axis}_{split}.txt": "".join(
            "  " + " ".join(f"{value: .7e}" for value in window[:, number]) + "\n" for window in windows
        )
        for number, axis in enumerate("xyz")
    }
    files[f"UCI HAR Dataset/{split}/subject_{split}.txt"] = "3\n" * 4 + "5\n" * 4
    files[f"UCI HAR Dataset/{split}/y_{split}.txt"] = "".join(f"{label}\n" for label in labels)
    return files


def test_windows_that_overlap_become_the_recording_again(tmp_path: Path) -> None:
    archive = tmp_path / "UCI HAR Dataset.zip"
    archive.write_bytes(zipped(uci_files()))
    source = find_source(archive)
    assert "filtered" in source.understood()[0]
    assert "forbids commercial use" in source.provenance()[0].licence
    first, second = load_recordings([archive])
    assert [(each.user, each.session) for each in (first, second)] == [("u03", "train0000"), ("u05", "train0004")]
    np.testing.assert_allclose(first.axes, recorded(1) * 9.80665, rtol=1e-5, atol=1e-6)
    assert first.times.tolist() == [row * 20_000 for row in range(HALVES * 64)]
    # The third window says walk, the fourth lie: the half that they share has no activity.
    assert [str(label) for label in first.labels[::64]] == ["walk", "walk", "walk", "null", "lie"]
    assert set(second.labels) == {"stand"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("subject_train.txt", None, r"lacks subject_train\.txt of UCI HAR"),
        ("subject_train.txt", "1\n", r"subject_train\.txt has 1 rows for 8 windows"),
        ("y_train.txt", "7\n" * 8, r"y_train\.txt: row 0 is no activity from 1 to 6"),
        (
            "Inertial Signals/total_acc_x_train.txt",
            "1 2 3\n",
            r"total_acc_x_train\.txt has 3 columns and 1 rows; it needs 128",
        ),
    ],
)
def test_a_file_that_is_missing_or_wrong_is_named(tmp_path: Path, name: str, content: str | None, message: str) -> None:
    place = f"UCI HAR Dataset/train/{name}"
    files = {each: text for each, text in uci_files().items() if each != place}
    source = find_source(write_files(tmp_path, files if content is None else {**files, place: content}))
    with pytest.raises(RecordingError, match=message):
        list(source.parts())


def test_options_for_columns_do_not_apply(tmp_path: Path) -> None:
    write_files(tmp_path, uci_files())
    with pytest.raises(RecordingError, match=r"has columns that are known .*State those of another data set behind"):
        find_source(f"{tmp_path} --unit g")

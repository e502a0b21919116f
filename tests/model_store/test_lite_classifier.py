"""The LiteRT artifact of a release: it is checked before use, and its predictions equal those of ONNX."""

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet
import pytest

from har.artifacts import GoldenWindow
from har.decisions import decide_all
from har.recordings import COLUMNS, recordings_from_columns
from har.release_documents import ReleaseError
from har.windowing import recording_windows
from model_store.lite_classifier import LiteClassifier
from model_store.onnx_classifier import OnnxClassifier
from model_store.release_folder import open_release
from tests.model_store.made_store import copied_release

FORMS = ("litert-float32", "litert-int8")


def random_windows(count: int) -> np.ndarray:
    return np.random.default_rng(0).normal([0, 0, 9.8], 2, (count, 200, 3)).astype(np.float32)


@pytest.fixture
def release(tmp_path) -> Path:
    """A copy of the baseline that a test may damage."""
    return Path(shutil.copytree(open_release("baseline").folder, tmp_path / "release"))


def change_golden(release: Path, probabilities: list[float]) -> None:
    path = release / "golden.json"
    golden = msgspec.json.decode(path.read_bytes(), type=GoldenWindow)
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(golden, probabilities=probabilities)))


@pytest.mark.parametrize("form", FORMS)
def test_probabilities_do_not_depend_on_earlier_windows(form):
    network, windows = LiteClassifier(open_release("baseline"), form), random_windows(8)
    together = network.probabilities(windows)
    backwards = network.probabilities(windows[::-1])[::-1]
    assert together.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert together.tobytes() == backwards.tobytes()


@pytest.mark.parametrize("form", FORMS)
def test_wrong_golden_window_is_rejected(release, form):
    golden = open_release(str(release)).read_golden()
    turned = golden.probabilities[1:] + golden.probabilities[:1]
    change_golden(release, turned)
    with pytest.raises(ReleaseError, match="fails its golden window"):
        LiteClassifier(open_release(str(release)), form)


def test_tolerance_applies_to_float32_and_not_to_int8(release):
    golden = open_release(str(release)).read_golden()
    best = int(np.argmax(golden.probabilities))
    near = [value + (0.01 if number == best else 0) for number, value in enumerate(golden.probabilities)]
    change_golden(release, near)
    LiteClassifier(open_release(str(release)), "litert-int8")
    with pytest.raises(ReleaseError, match=r"off by 0\.01"):
        LiteClassifier(open_release(str(release)), "litert-float32")


@pytest.mark.parametrize("form", FORMS)
def test_a_flipped_byte_is_rejected_before_the_network_is_parsed(release, form):
    network = release / open_release(str(release)).manifest.artifact(form).name
    content = bytearray(network.read_bytes())
    content[len(content) // 2] ^= 1
    network.write_bytes(content)
    with pytest.raises(ReleaseError, match="differs from its manifest"):
        LiteClassifier(open_release(str(release)), form)


@pytest.mark.parametrize("changes", [{"steps": 100}, {"classes": ["run", "walk"]}], ids=["steps", "classes"])
def test_manifest_that_contradicts_the_network_is_rejected(tmp_path, changes):
    with pytest.raises(ReleaseError, match="the manifest"):
        LiteClassifier(open_release(str(copied_release(tmp_path, "lies", **changes))))


@pytest.mark.slow
def test_stream_and_edge_agree_on_the_reserved_test_users(shared_data):
    """Compare ONNX, as in the processor, with LiteRT, as on the edge, on the reserved test users."""
    release = open_release("baseline")
    manifest, stream, edge = release.manifest, OnnxClassifier(release), LiteClassifier(release)
    compared = same = 0
    off = 0.0
    for file, users in (("hapt_24_users", ("u21", "u22", "u23", "u24")), ("pocket_6_users", ("u06",))):
        table = pyarrow.parquet.read_table(
            shared_data / f"{file}.parquet", columns=list(COLUMNS), filters=[("user", "in", users)]
        )
        for recording in recordings_from_columns({name: table[name].to_numpy() for name in COLUMNS}):
            windows = recording_windows(recording.times, recording.axes, manifest.window_spec).values
            if not len(windows):
                continue
            in_stream, on_edge = stream.probabilities(windows), edge.probabilities(windows)
            answers = [decide_all(each, manifest.thresholds, len(manifest.classes)) for each in (in_stream, on_edge)]
            compared += len(windows)
            same += int((answers[0] == answers[1]).sum())
            off = max(off, float(np.abs(in_stream - on_edge).max()))
    print(f"{same} of {compared} windows the same, probabilities off by {off:.2g}")
    assert compared > 2_000
    assert same >= 0.995 * compared
    assert off <= manifest.golden.tolerance

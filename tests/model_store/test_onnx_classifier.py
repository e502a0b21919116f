import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from har.licences import WeightsTerms
from har.release_documents import ReleaseError
from har.releases import decode_manifest, encode_manifest
from model_store.onnx_classifier import OnnxClassifier
from model_store.release_folder import open_release
from recording_files.data_sets import data_set_of


@pytest.fixture
def release(tmp_path) -> Path:
    """A copy of the baseline that a test may damage."""
    return Path(shutil.copytree(open_release("baseline").folder, tmp_path / "release"))


def rewrite(release: Path, **changes) -> None:
    manifest = decode_manifest((release / "manifest.json").read_bytes())
    (release / "manifest.json").write_bytes(encode_manifest(msgspec.structs.replace(manifest, **changes)))


def random_windows(count: int) -> np.ndarray:
    return np.random.default_rng(0).normal([0, 0, 9.8], 2, (count, 200, 3)).astype(np.float32)


@pytest.mark.parametrize("name", ["baseline", "baseline-open"])
def test_a_shipped_release_is_small_and_passes_its_golden_window(name):
    folder = open_release(name).folder
    assert all(file.stat().st_size < 500_000 for file in folder.iterdir())
    probabilities = OnnxClassifier.open(name).probabilities(random_windows(3))
    assert probabilities.sum(axis=1) == pytest.approx(1)


def test_baseline_reports_its_scores_on_unseen_users():
    folder, manifest = open_release("baseline").folder, open_release("baseline").manifest
    for person in ("galaxy_s2/u01", "galaxy_s8/u01"):
        assert manifest.metrics[f"cross-validation in 5 folds by user, {data_set_of(person)}"].macro_f1 >= 0.88
    standing = {f"galaxy_s2/u{number}" for number in (21, 22, 23, 24)} | {"galaxy_s8/u06"}
    assert not standing & set(manifest.training_users)
    card = (folder / "MODEL_CARD.md").read_text()
    assert all(f"| {name} |" in card for name in manifest.classes)


def test_the_open_release_was_trained_on_openly_licensed_recordings_alone():
    manifest = open_release("baseline-open").manifest
    assert manifest.terms == WeightsTerms(commercial_use=True, share_alike=False, limiting=[])
    assert {"CC BY 4.0", "MIT"} <= {data.licence.split(" (")[0] for data in manifest.data}
    assert open_release("baseline").manifest.terms.commercial_use is False


def test_probabilities_do_not_depend_on_other_windows():
    network, windows = OnnxClassifier.open("baseline"), random_windows(64)
    together = network.probabilities(windows)
    for size in (1, 7, 64):
        alone = np.concatenate([network.probabilities(windows[n : n + size]) for n in range(0, 64, size)])
        assert alone.tobytes() == together.tobytes()


def test_a_flipped_byte_is_rejected_before_the_network_is_parsed(release):
    network = release / "network.onnx"
    content = bytearray(network.read_bytes())
    content[len(content) // 2] ^= 1
    network.write_bytes(content)
    with pytest.raises(ReleaseError, match="differs from its manifest"):
        OnnxClassifier.open(str(release))


def test_a_truncated_or_longer_network_is_rejected(release):
    network = release / "network.onnx"
    for content in (network.read_bytes()[:-1], network.read_bytes() + b"\0"):
        network.write_bytes(content)
        with pytest.raises(ReleaseError):
            OnnxClassifier.open(str(release))


def test_wrong_golden_window_is_rejected(release):
    path = release / "golden.json"
    golden = msgspec.json.decode(path.read_bytes())
    golden["probabilities"] = golden["probabilities"][::-1]
    path.write_bytes(msgspec.json.encode(golden))
    with pytest.raises(ReleaseError, match="fails its golden window"):
        OnnxClassifier.open(str(release))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"classes": ["sit", "stand"], "shown_for": {}, "upright": None},
            r"returns \d+ probabilities, the manifest names \d",
        ),
        ({"steps": 100}, "manifest states 100 x 3"),
        ({"artifacts": []}, "no onnx artifact"),
    ],
)
def test_manifest_that_contradicts_the_network_is_rejected(release, changes, message):
    rewrite(release, **changes)
    with pytest.raises(ReleaseError, match=message):
        OnnxClassifier.open(str(release))


def test_folder_without_a_release_is_reported(tmp_path):
    with pytest.raises(ReleaseError, match="no release at"):
        OnnxClassifier.open(str(tmp_path))
    (tmp_path / "manifest.json").write_bytes(b"{")
    with pytest.raises(ReleaseError, match=rf"{tmp_path}/manifest\.json: not a release's manifest: "):
        OnnxClassifier.open(str(tmp_path))

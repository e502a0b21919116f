"""A release folder is written atomically, and only if its consumers would accept it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from har.artifacts import Golden
from har.release_documents import ReleaseError
from har.releases import ReleaseManifest, decode_manifest
from model_store.onnx_classifier import OnnxClassifier
from model_store.release_folder import open_release
from model_store.repository.contents import fetch_release
from model_store.repository.publishing import publish
from model_store.repository.signed_state import read_state
from tests.documents import code_blocks
from tests.model_store.made_store import MadeStore
from tests.trainer.frozen_networks import (
    CLASSES,
    GRAVITY,
    RATE_HZ,
    STEPS,
    freezing,
    frozen_network,
    made_windows,
    on_frozen_networks,
)
from trainer.releases.writing import GOLDEN_FILE, write_release

pytestmark = on_frozen_networks


def made_manifest(**changes: Any) -> ReleaseManifest:
    manifest = ReleaseManifest(
        release="tiny",
        created="2026-11-25T00:00:00+00:00",
        network="origin",
        classes=list(CLASSES),
        steps=STEPS,
        rate_hz=RATE_HZ,
        hop_us=1_000_000,
        gap_us=1_000_000,
        normalisation=GRAVITY,
        decision_threshold=0.0,
        artifacts=frozen_network("origin")[1].artifacts,
        golden=Golden(GOLDEN_FILE, freezing.GOLDEN_TOLERANCE),
        training_users=["home_made/anna"],
        data=[],
        metrics={},
        weights_licence="Free.",
    )
    return msgspec.structs.replace(manifest, **changes)


def written(output: Path, **changes: Any) -> ReleaseManifest:
    manifest = made_manifest(**changes)
    write_release(output, manifest, frozen_network("origin")[1], ["It was never trained."], replace=True)
    return manifest


def test_the_folder_contains_all_formats_and_consumers_accept_it(tmp_path: Path) -> None:
    manifest = written(tmp_path / "releases" / "tiny")
    folder = tmp_path / "releases" / "tiny"
    assert sorted(path.name for path in folder.iterdir()) == [
        "MODEL_CARD.md",
        "golden.json",
        "manifest.json",
        "network.onnx",
        "network.pb",
        "network.tflite",
        "network_int8.tflite",
    ]
    assert decode_manifest((folder / "manifest.json").read_bytes()) == manifest
    release = open_release(folder)
    for artifact in manifest.artifacts:
        assert release.read_artifact(artifact.format) == frozen_network("origin")[1].files[artifact.format]
    assert OnnxClassifier(release).probabilities(made_windows(3)).shape == (3, 5)
    assert list(folder.parent.iterdir()) == [folder]


def test_a_store_accepts_all_four_files(tmp_path: Path) -> None:
    written(tmp_path / "tiny")
    store = MadeStore.make(tmp_path)
    publish(store.storage, store.signing, tmp_path / "tiny")
    kept = fetch_release(store.storage, read_state(store.storage), "tiny", tmp_path / "fetched")
    assert len(list(kept.folder.glob("network*"))) == 4


def test_the_model_card_compares_the_formats(tmp_path: Path) -> None:
    manifest = written(tmp_path / "tiny")
    card = (tmp_path / "tiny" / "MODEL_CARD.md").read_text("utf-8")
    for artifact in manifest.artifacts:
        assert f"| `{artifact.name}` | {artifact.format} | {artifact.bytes / 1e3:.0f} KB |" in card
        assert f"| {artifact.same_prediction:.2%} | {artifact.latency_ms:.2f} ms |" in card


def test_an_existing_release_is_kept_or_replaced_as_requested(tmp_path: Path) -> None:
    output = tmp_path / "tiny"
    written(output)
    with pytest.raises(FileExistsError, match="exists already"):
        write_release(output, made_manifest(release="other"), frozen_network("origin")[1], [])
    assert open_release(output).manifest.release == "tiny"
    written(output, release="other")
    assert open_release(output).manifest.release == "other"
    assert list(tmp_path.iterdir()) == [output]


def test_an_invalid_release_leaves_the_existing_one_unchanged(tmp_path: Path) -> None:
    output = tmp_path / "tiny"
    written(output)
    frozen = frozen_network("origin")[1]
    wrong = replace(frozen, golden=msgspec.structs.replace(frozen.golden, probabilities=[0.2] * 5))
    with pytest.raises(ReleaseError, match="fails its golden window"):
        write_release(output, made_manifest(release="wrong"), wrong, [], replace=True)
    other = replace(frozen, files={**frozen.files, "litert-int8": b"something else"})
    with pytest.raises(ReleaseError, match=r"network_int8\.tflite"):
        write_release(output, made_manifest(release="wrong"), other, [], replace=True)
    assert open_release(output).manifest.release == "tiny"
    assert list(tmp_path.iterdir()) == [output]


def test_the_remains_of_an_earlier_attempt_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".tiny.part").mkdir()
    (tmp_path / ".tiny.part" / "half").write_bytes(b"half")
    written(tmp_path / "tiny")
    assert not (tmp_path / "tiny" / "half").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_the_documented_code_to_load_the_files_gives_the_golden_prediction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path / "my-release")
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {}
    predictions = []
    for block in code_blocks("docs/freezing.md", "python"):
        exec(block, found)
        if "probabilities" in found:
            predictions.append(found.pop("probabilities")[0])
    golden = frozen_network("origin")[1].golden
    assert len(predictions) == 3  # ONNX, LiteRT int8, TensorFlow
    for prediction, tolerance in zip(predictions, (1e-4, 0.1, 1e-4), strict=True):
        np.testing.assert_allclose(prediction, golden.probabilities, atol=tolerance)

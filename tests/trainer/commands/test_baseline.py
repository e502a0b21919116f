"""The shipped release: cross-validated, then trained on everybody except the reserved test users."""

import warnings

import pytest

from har.windowing import WindowSpec
from model_store.onnx_classifier import OnnxClassifier
from tests.trainer import tiny_network
from tests.trainer.made_recordings import made_recording, write_recordings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TensorFlow and tf2onnx emit warnings while they are imported
    from recording_files.data_sets import data_set_of
    from trainer.commands.baseline import make_baseline
    from trainer.fitting.fit_settings import FitSettings
    from trainer.request import TrainRequest

# tf2onnx and tf-keras use deprecated functions of numpy and protobuf.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")

REQUEST = TrainRequest(
    network=tiny_network.NAME,
    classes=("sit", "walk"),
    windows=WindowSpec(steps=40),
    fit=FitSettings(epochs=4, windows_per_epoch=512, batch=32, peak_rate=1e-2, average=0.8, threads=1),
)


def test_it_is_trained_on_all_allowed_people_and_measured_on_unseen_ones(tmp_path):
    reserved = [made_recording("u21", device="galaxy_s2"), made_recording("u06", device="galaxy_s8")]
    people = [made_recording(f"u{number:02d}", device="galaxy_s2") for number in range(1, 7)]
    # The same user name in one data set would mean one wearer with both phones.
    tables = [
        write_recordings(tmp_path / "waist.parquet", [*people, reserved[0]]),
        write_recordings(tmp_path / "pocket.parquet", [reserved[1]]),
    ]

    with tiny_network.known():
        manifest = make_baseline(tables, tmp_path / "baseline", "tiny", REQUEST, folds=2)

    assert OnnxClassifier.open(str(tmp_path / "baseline")).manifest == manifest
    assert manifest.training_users == [f"galaxy_s2/u{number:02d}" for number in range(1, 7)]
    protocol = f"cross-validation in 2 folds by user, {data_set_of('galaxy_s2/u01')}"
    assert set(manifest.metrics) == {protocol}
    assert manifest.metrics[protocol].macro_f1 > 0.9
    assert 0 < manifest.decision_threshold < 1
    assert "commercial" in manifest.weights_licence
    card = (tmp_path / "baseline" / "MODEL_CARD.md").read_text("utf-8")
    assert "galaxy_s2/u01" in card
    assert "galaxy_s2/u21" not in card

"""The licence of weights follows from the licences of the data sets they were trained on."""

import warnings

import pytest

from har.artifacts import GoldenWindow
from har.releases import TrainingData
from recording_files.data_sets import weights_licence
from recording_files.known_data_sets import KNOWN_DATA_SETS
from trainer.request import TrainRequest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TensorFlow and tf2onnx emit warnings during import
    from trainer.freezing import Frozen
    from trainer.releases.candidate import Provenance, ReleaseFindings, make_manifest

HAPT, POCKET = KNOWN_DATA_SETS["galaxy_s2"].data, KNOWN_DATA_SETS["galaxy_s8"].data


def stated(licence: str) -> TrainingData:
    return TrainingData("Our walks", licence, "our lab")


@pytest.mark.parametrize(
    "licence",
    [
        "CC BY-NC 4.0", "CC-BY-NC-SA-4.0", "Attribution-NonCommercial", "non-commercial use", "for research only",
        "no commercial use", "must not be used commercially", "commercial use is prohibited",
        "our terms forbid commercial use",
    ],
)  # fmt: skip
def test_a_licence_that_forbids_commercial_use_applies_to_the_weights(licence: str) -> None:
    licence_text = weights_licence([POCKET, stated(licence)])
    assert licence_text.startswith(
        "Not for commercial use: the weights were trained on Our walks, whose terms forbid it."
    )


@pytest.mark.parametrize("licence", ["CC BY 4.0", "MIT", "commercial use is allowed", "CC0, also for commercial use"])
def test_a_licence_that_allows_commercial_use_adds_no_limit(licence: str) -> None:
    assert weights_licence([stated(licence)]) == "The terms of the data sets named here apply to the weights."


def test_a_licence_that_is_not_stated_is_mentioned() -> None:
    licence_text = weights_licence([HAPT, stated("not stated: the wearers' own"), stated("")])
    assert "trained on HAPT" in licence_text
    assert licence_text.endswith("The terms of some recordings are not stated: Our walks.")


def test_a_manifest_takes_licences_from_the_sources_and_not_from_device_names() -> None:
    data = [stated("CC BY-NC 4.0")]
    provenance = Provenance(
        request=TrainRequest(classes=("sit", "walk")),
        release="r1",
        training_users=["galaxy_s8/u01", "phone/anna"],
        data=data,
    )
    findings = ReleaseFindings(metrics={}, threshold=0.5, false_activity_rate=None)
    manifest = make_manifest(provenance, Frozen({}, [], GoldenWindow([], [])), findings)
    assert manifest.data == data
    assert "Our walks" in manifest.weights_licence

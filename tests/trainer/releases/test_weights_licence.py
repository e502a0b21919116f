"""The licence of weights follows from the licences of the data sets they were trained on."""

import warnings

import pytest

from har.artifacts import GoldenWindow
from har.licences import WeightsTerms
from har.releases import TrainingData
from recording_files.data_sets import weights_licence, weights_terms
from recording_files.known_data_sets import KNOWN_DATA_SETS
from tests.trainer.made_outcomes import predicted_outcomes
from trainer.request import TrainRequest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TensorFlow and tf2onnx emit warnings during import
    from trainer.evaluation.unknown import choose_threshold
    from trainer.freezing import Frozen
    from trainer.releases.candidate import Provenance, findings_of, make_manifest

HAPT, POCKET = KNOWN_DATA_SETS["galaxy_s2"].data, KNOWN_DATA_SETS["galaxy_s8"].data


def stated(licence: str) -> TrainingData:
    return TrainingData("Our walks", licence, "our lab")


@pytest.mark.parametrize(
    "licence",
    [
        "CC BY-NC 4.0", "CC-BY-NC-SA-4.0", "Attribution-NonCommercial", "non-commercial use", "for research only",
        "no commercial use", "must not be used commercially", "commercial use is prohibited",
        "our terms forbid commercial use", "free for research with citation", "published for academic research",
    ],
)  # fmt: skip
def test_a_licence_that_forbids_commercial_use_applies_to_the_weights(licence: str) -> None:
    licence_text = weights_licence([POCKET, stated(licence)])
    assert licence_text.startswith(
        "Not for commercial use: the weights were trained on Our walks, whose terms forbid it."
    )


@pytest.mark.parametrize(
    "licence",
    [
        "CC BY 4.0",
        "MIT",
        "commercial use is allowed",
        "CC0, also for commercial use",
        "free for research and commercial use",
    ],
)
def test_a_licence_that_allows_commercial_use_adds_no_limit(licence: str) -> None:
    assert weights_licence([stated(licence)]) == "The terms of the data sets named here apply to the weights."


def test_a_licence_that_is_not_stated_is_mentioned() -> None:
    licence_text = weights_licence([HAPT, stated("not stated: the wearers' own"), stated("")])
    assert "trained on HAPT" in licence_text
    assert licence_text.endswith("The terms of some recordings are not stated: Our walks.")


def test_a_manifest_takes_licences_from_the_sources_and_not_from_device_names() -> None:
    data = [stated("CC BY-NC 4.0")]
    provenance = Provenance(
        request=TrainRequest(classes=("sit", "walk"), background=()),
        release="r1",
        training_users=["galaxy_s8/u01", "phone/anna"],
        data=data,
    )
    outcomes = predicted_outcomes(["sit"], ["sit"])
    findings = findings_of(outcomes, choose_threshold(outcomes), "held-out users")
    manifest = make_manifest(provenance, Frozen({}, [], GoldenWindow([], [])), findings)
    assert manifest.data == data
    assert "Our walks" in manifest.weights_licence
    assert manifest.terms == WeightsTerms(commercial_use=False, share_alike=False, limiting=["Our walks"])


@pytest.mark.parametrize(
    ("licences", "terms"),
    [
        (["MIT", "CC BY 4.0"], WeightsTerms(commercial_use=True, share_alike=False)),
        (["MIT", "not stated"], WeightsTerms(commercial_use=None, share_alike=None)),
        (["CC BY-SA 4.0", "not stated"], WeightsTerms(commercial_use=None, share_alike=True, limiting=["Our walks"])),
        (["CC BY-NC 4.0", ""], WeightsTerms(commercial_use=False, share_alike=None, limiting=["Our walks"])),
        ([], WeightsTerms(commercial_use=None, share_alike=None)),
    ],
)
def test_terms_are_readable_by_programs(licences: list[str], terms: WeightsTerms) -> None:
    assert weights_terms([stated(licence) for licence in licences]) == terms

"""Whether the values of predictions are those that the release gives for the readings."""

from collections.abc import Collection

from deploy.audit.chain import ExpectedAnswer, expected_answers
from deploy.audit.prediction_watch import WindowKey
from deploy.audit.reference import ExpectedPrediction, Reference
from deploy.audit.ties import Ties
from har.decisions import UNKNOWN
from har.predictions import Prediction
from har.session_references import reference_after
from har.signal_quality import Reason


class ValueComparison:
    """Compares the values of the predictions of the audited release.

    Parameters
    ----------
    reference : Reference
        The expected predictions.
    predictions : collection of Prediction
        The newest prediction of each window.
    tolerance : float
        Largest difference of probabilities that count as equal. If it is not 0, the sessions' upright references are
        not compared: what is learned from a window may depend on the last bits of its probabilities.

    Attributes
    ----------
    compared, with_reference, with_head, of_other_releases : int
        Windows whose values were compared; those of them for which an upright reference was used; those that a
        personal head corrected; windows of other releases.
    max_difference : float
        Largest difference of a probability or a lean.
    differing : list of (WindowKey, str)
        The windows that differ, and how.
    head_unknown : list of (WindowKey, str)
        The windows that cannot be compared as their personal head is not known.
    other_head : list of (WindowKey, str)
        The windows that another head than they name, or none, should have corrected.
    """

    def __init__(self, reference: Reference, predictions: Collection[Prediction], tolerance: float) -> None:
        self._reference = reference
        self._tolerance = tolerance
        self._answers = expected_answers(reference, predictions, trusts_states=tolerance > 0)
        self.compared = 0
        self.with_reference = 0
        self.with_head = 0
        self.of_other_releases = 0
        self.max_difference = 0.0
        self.differing: list[tuple[WindowKey, str]] = []
        self.head_unknown: list[tuple[WindowKey, str]] = []
        self.other_head: list[tuple[WindowKey, str]] = []
        for prediction in predictions:
            expected = reference.prediction(prediction.key)
            if prediction.release != reference.release:
                self.of_other_releases += 1
            elif expected is not None and reference.heads.misses(prediction.device, prediction.personal):
                self.head_unknown.append((prediction.key, f"personal head {prediction.personal}"))
            elif expected is not None:
                self.compared += 1
                self.with_reference += prediction.lean is not None
                self.with_head += prediction.personal is not None
                self._compare_head(prediction, expected)
                self._compare(prediction, expected.reason, self._answers[prediction.key])

    def _compare(self, prediction: Prediction, reason: Reason | None, answer: ExpectedAnswer) -> None:
        right, expected = answer.outputs, answer.decision
        found = prediction.probabilities | prediction.background
        if prediction.probabilities.keys() != right.classes.keys() or found.keys() != right.all.keys():
            self._add(prediction, f"classes {sorted(found)} instead of {sorted(right.all)}")
            return
        difference = self._difference(prediction, answer)
        self.max_difference = max(self.max_difference, difference)
        ties = Ties(right, self._reference.thresholds, self._tolerance)
        if not difference <= self._tolerance:
            self._add(prediction, f"a probability differs by {difference:.3g}")
        elif prediction.personal != answer.personal:
            self._add(prediction, f"the personal head is {prediction.personal} instead of {answer.personal}")
        elif prediction.reason != reason:
            self._add(prediction, f"the reason is {prediction.reason} instead of {reason}")
        elif (prediction.lean is None) is not (answer.lean is None):
            self._add(prediction, f"the lean is {prediction.lean} instead of {answer.lean}")
        elif prediction.activity != expected.activity and not ties.allow(prediction):
            self._add(prediction, f"{prediction.activity} instead of {expected.activity}")
        elif prediction.kind != expected.kind and not ties.allow_kind(prediction):
            self._add(prediction, f"the kind is {prediction.kind} instead of {expected.kind}")
        elif prediction.end != prediction.start + self._reference.length_us:
            self._add(prediction, f"the window ends at {prediction.end}")
        elif not self._tolerance:
            self._compare_states(prediction, answer)

    def _difference(self, prediction: Prediction, answer: ExpectedAnswer) -> float:
        """Return the largest difference of a probability, of the confidence, or of the lean."""
        right, found = answer.outputs, prediction.probabilities | prediction.background
        confidence = max(right.classes.values())
        if prediction.activity == UNKNOWN:
            confidence = 1.0 - confidence
        difference = max(abs(found[name] - value) for name, value in right.all.items())
        difference = max(difference, abs(prediction.confidence - confidence))
        if prediction.lean is not None and answer.lean is not None:
            difference = max(difference, abs(prediction.lean - answer.lean))
        return difference

    def _compare_states(self, prediction: Prediction, answer: ExpectedAnswer) -> None:
        if prediction.alone != answer.alone:
            self._add(prediction, f"alone it is {prediction.alone} instead of {answer.alone}")
        elif reference_after(prediction) != answer.after:
            self._add(prediction, "the upright reference after it is not the one that the session's windows give")

    def _compare_head(self, prediction: Prediction, expected: ExpectedPrediction) -> None:
        if expected.reason is not None:
            return
        due = self._reference.heads.due(prediction, expected.probabilities, expected.gravity)
        if prediction.personal != due:
            self.other_head.append((prediction.key, f"personal head {prediction.personal} instead of {due}"))

    def _add(self, prediction: Prediction, detail: str) -> None:
        self.differing.append((prediction.key, detail))

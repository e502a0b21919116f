"""The answers that personal heads and the sessions' upright references give, from the beginning of each session.

It computes with the head that a prediction names, and with `har.upright.judge`, what the release must have answered,
from the windows alone and the states that it computed before. Where that cannot be done, as for windows of another
release, or if the head is not known, it goes on from the published state.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from deploy.audit.prediction_watch import WindowKey
from deploy.audit.reference import ExpectedPrediction, Reference
from deploy.audit.ties import Outputs
from har.decisions import Decision
from har.predictions import Prediction, WindowAlone
from har.session_references import JudgedWindow, reference_after, reference_for
from har.upright import NO_REFERENCE, judge
from har.upright import Reference as UprightReference


class ExpectedAnswer(NamedTuple):
    """The answer of the release for a window, after the use of a personal head and its session's upright reference.

    Attributes
    ----------
    outputs : Outputs
        The probabilities of the classes, and of the kinds of background.
    decision : Decision
        What the release decides from them.
    lean : float or None
        Cosine of the lean; None without a reference.
    alone : WindowAlone or None
        The answer of the window alone; None if it is the same.
    after : UprightReference
        The session's reference after the window.
    personal : int or None
        Number of the head that corrected the network's answer; None if none did.
    """

    outputs: Outputs
    decision: Decision
    lean: float | None
    alone: WindowAlone | None
    after: UprightReference
    personal: int | None = None


def expected_answers(
    reference: Reference, predictions: Iterable[Prediction], *, trusts_states: bool = False
) -> dict[WindowKey, ExpectedAnswer]:
    """Return the answers for all predicted windows of the audited release whose readings and heads are known.

    Parameters
    ----------
    reference : Reference
        The windows alone.
    predictions : iterable of Prediction
        The newest prediction of each window.
    trusts_states : bool
        Whether to go on from the published state after each window. In an audit with a tolerance, states may differ.
    """
    sessions: defaultdict[tuple[str, str], list[Prediction]] = defaultdict(list)
    for prediction in predictions:
        sessions[prediction.device, prediction.session].append(prediction)
    return {
        key: answer
        for found in sessions.values()
        for key, answer in _of_session(reference, sorted(found, key=lambda each: each.start), trusts_states)
    }


def _of_session(
    reference: Reference, predictions: list[Prediction], trusts_states: bool
) -> Iterator[tuple[WindowKey, ExpectedAnswer]]:
    before: JudgedWindow | None = None
    is_computed = not reference.is_cut(predictions[0].device, predictions[0].session)
    for prediction in predictions:
        expected = reference.prediction(prediction.key)
        published = reference_after(prediction)
        after = published
        is_known = expected is not None and not reference.heads.misses(prediction.device, prediction.personal)
        if expected is not None and is_known and prediction.release == reference.release:
            state = reference_for(before, prediction.start, prediction.arrived, reference.length_us)
            answer = _answer(reference, expected, prediction, state)
            if not is_computed:
                answer = _first_answer(reference, expected, prediction, before, answer)
            is_computed = True
            after = published if trusts_states else answer.after
            yield prediction.key, answer
        before = JudgedWindow(prediction.start, prediction.arrived, after)


def _answer(
    reference: Reference, expected: ExpectedPrediction, prediction: Prediction, state: UprightReference
) -> ExpectedAnswer:
    is_classified = expected.reason is None
    row, personal = expected.probabilities, None
    head = reference.heads.named_by(prediction) if is_classified else None
    if (corrected := reference.heads.corrected(head, row, expected.gravity)) is not None:
        row, personal = tuple(corrected), prediction.personal
    alone = Outputs.of(reference.classes, reference.kinds, row, is_classified=is_classified)
    by_itself = alone.decision(reference.thresholds)
    if not is_classified or reference.upright is None or expected.gravity is None:
        return ExpectedAnswer(alone, by_itself, None, None, state, personal)
    probabilities, lean, after = judge(state, reference.upright, expected.gravity, prediction.start, alone.classes)
    outputs = Outputs(probabilities, alone.background)
    decision = outputs.decision(reference.thresholds)
    differs = lean is not None and decision != by_itself
    answer = WindowAlone(by_itself.activity, by_itself.confidence) if differs else None
    return ExpectedAnswer(outputs, decision, lean, answer, after, personal)


def _first_answer(
    reference: Reference,
    expected: ExpectedPrediction,
    prediction: Prediction,
    before: JudgedWindow | None,
    computed: ExpectedAnswer,
) -> ExpectedAnswer:
    """Return the answer for the first window of a session whose beginning is not known.

    It must follow from the published state before it, or from none, as for a consumer group that began to read there.
    If no state before it is known, what is published is the first state.
    """
    from_nothing = _answer(reference, expected, prediction, NO_REFERENCE)
    published = reference_after(prediction)
    if published in (computed.after, from_nothing.after):
        return computed if published == computed.after else from_nothing
    if before is not None:
        return computed
    if prediction.lean is None:
        return from_nothing._replace(after=published)
    decision = Decision(prediction.activity, prediction.confidence, prediction.kind)
    outputs = Outputs(prediction.probabilities, prediction.background)
    return ExpectedAnswer(outputs, decision, prediction.lean, prediction.alone, published, from_nothing.personal)

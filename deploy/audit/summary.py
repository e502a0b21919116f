"""Summary of a run: acknowledged readings compared with the predictions in Kafka."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from deploy.audit.prediction_watch import SeenMessages, WindowKey
from har.decisions import UNKNOWN
from har.recordings import window_labels
from har.signal_quality import counted_reasons
from har.windowing import WindowSpec, recording_windows
from ingest.senders.journal import read_journals


class Latency(msgspec.Struct):
    """Milliseconds from the arrival of a window's last reading at the gateway to its prediction in Kafka."""

    p50: float | None
    p99: float | None


class Summary(msgspec.Struct):
    """Summary of a run.

    Attributes
    ----------
    devices : int
        Number of phones with acknowledged batches.
    batches_acknowledged : int
        Number of acknowledged batches.
    windows_expected : int
        Number of windows of the acknowledged readings, cut offline.
    windows_classified : int
        Number of distinct windows that were predicted.
    windows_missing, windows_extra : int
        Number of windows that were expected but not predicted, and predicted but not expected.
    windows_repeated : int
        Number of predictions that repeat a window.
    windows_unknown : int
        Number of windows predicted as unknown.
    unknown_by_reason : dict of str to int
        Number of those that were not classified because their readings tell too little, by reason
        (`har.signal_quality`). For the others no class was probable enough.
    latency_ms : Latency
        Latency of the windows that were predicted while the run was watched.
    accuracy : float or None
        Share of correct predictions among windows with one ground truth, 0 to 1; None without such windows.
    windows_scored : int
        Number of predicted windows with one ground truth.
    windows_by_activity : dict of str to int
        The same by ground truth.
    release : list of str
        Releases of the predictions.
    """

    devices: int
    batches_acknowledged: int
    windows_expected: int
    windows_classified: int
    windows_missing: int
    windows_extra: int
    windows_repeated: int
    windows_unknown: int
    unknown_by_reason: dict[str, int]
    latency_ms: Latency
    accuracy: float | None
    windows_scored: int
    windows_by_activity: dict[str, int]
    release: list[str]


@dataclass
class Expected:
    """The windows that must be predicted, from the senders' journals, with their ground truth."""

    devices: int
    batches: int
    truth: dict[WindowKey, str | None]


def expected_windows(journals: Path, spec: WindowSpec) -> Expected:
    """Cut the windows of all acknowledged readings offline, with the ground truth or None."""
    expected = Expected(0, 0, {})
    for recording, batches in read_journals(journals):
        expected.devices += 1
        expected.batches += batches
        starts = recording_windows(recording.times, recording.axes, spec).starts
        labels = window_labels(recording, starts, spec)
        for start, label in zip(starts.tolist(), labels, strict=True):
            expected.truth[recording.device, recording.session, start] = label
    return expected


def summarise(expected: Expected, seen: SeenMessages) -> Summary:
    """Compare the predictions with the expected windows."""
    predicted = seen.predictions
    scored = [(key, label) for key, label in expected.truth.items() if label is not None and key in predicted]
    correct = sum(predicted[key].matches(label) for key, label in scored)
    unknown = [prediction for prediction in predicted.values() if prediction.activity == UNKNOWN]
    by_reason = Counter(prediction.reason for prediction in unknown if prediction.reason is not None)
    by_activity: dict[str, int] = {}
    for _, label in scored:
        by_activity[label] = by_activity.get(label, 0) + 1
    return Summary(
        devices=expected.devices,
        batches_acknowledged=expected.batches,
        windows_expected=len(expected.truth),
        windows_classified=len(predicted),
        windows_missing=len(expected.truth.keys() - predicted.keys()),
        windows_extra=len(predicted.keys() - expected.truth.keys()),
        windows_repeated=seen.repeated,
        windows_unknown=len(unknown),
        unknown_by_reason=dict(by_reason.most_common()),
        latency_ms=_latency(seen.latencies_ms),
        accuracy=correct / len(scored) if scored else None,
        windows_scored=len(scored),
        windows_by_activity=dict(sorted(by_activity.items())),
        release=sorted({prediction.release for prediction in predicted.values()}),
    )


def _latency(milliseconds: list[float]) -> Latency:
    if not milliseconds:
        return Latency(None, None)
    p50, p99 = np.percentile(milliseconds, [50, 99])
    return Latency(round(float(p50), 1), round(float(p99), 1))


def describe(summary: Summary, seconds: float) -> str:
    """Return the summary as text for a terminal."""
    accuracy = "-" if summary.accuracy is None else f"{summary.accuracy:.3f}"
    rate = summary.windows_classified / seconds if seconds else 0
    return (
        f"{summary.devices} phones, {summary.batches_acknowledged} batches acknowledged\n"
        f"{summary.windows_classified} of {summary.windows_expected} windows classified "
        f"({summary.windows_missing} missing, {rate:.1f} a second)\n"
        f"{_unknown(summary)}\n"
        f"latency p50 {summary.latency_ms.p50} ms, p99 {summary.latency_ms.p99} ms\n"
        f"accuracy {accuracy} on {summary.windows_scored} windows with one ground truth"
    )


def _unknown(summary: Summary) -> str:
    unreadable = sum(summary.unknown_by_reason.values())
    text = f"{summary.windows_unknown} unknown: {summary.windows_unknown - unreadable} with no class probable enough"
    if unreadable:
        text += f", {unreadable} whose readings tell too little: {counted_reasons(summary.unknown_by_reason)}"
    return text

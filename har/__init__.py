"""The domain of human-activity recognition: messages, event-time windows, predictions and releases.

It holds pure functions over arrays, the typed messages that the services exchange, and the names of Kafka's topics and
Redis's keys. It imports no client of Kafka or Redis, no web framework and no neural network. Only the services use
`har.process`, which every process needs; `har.web` reads the files of both pages and holds the shared ones.

The names in `__all__`, and `ingest.senders.phone_client.PhoneClient`, are the public API (docs/api.md). Everything else
may change at any time. They are imported when they are first used. `load`, `read`, `windows` and `ActivityClassifier`
are no part of the domain: they are `classify`'s, which the domain's own modules never import.

Examples
--------
>>> import numpy as np
>>> import har
>>> times = np.arange(0, 10_000_000, 20_000)  # 10 s at 50 Hz, µs
>>> axes = np.tile(np.float32([0, 0, 9.81]), (500, 1))  # a phone that lies still, m/s²
>>> har.recording_windows(times, axes, har.WindowSpec()).values.shape
(5, 200, 3)
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from classify.classifier import Classifier
    from classify.door import Windows, load, read, windows
    from classify.estimator import ActivityClassifier
    from har.activity_styles import ActivityStyle, activity_style
    from har.batching import LiveBatches, SessionName, batches_of_recording
    from har.binary_samples import decode_batch, encode_batch
    from har.labels import Label, LabelTable, decode_label, encode_label
    from har.predictions import Prediction, decode_prediction, encode_prediction
    from har.recordings import Recording, RecordingError, RecordingWarning
    from har.rejections import RejectedMessage
    from har.release_documents import ReleaseError
    from har.releases import ReleaseManifest, decode_manifest
    from har.samples import SampleBatch
    from har.windowing import RecordingWindows, WindowSpec, recording_windows

_MODULES = {
    "classify.classifier": ("Classifier",),
    "classify.door": ("Windows", "load", "read", "windows"),
    "classify.estimator": ("ActivityClassifier",),
    "har.activity_styles": ("ActivityStyle", "activity_style"),
    "har.batching": ("LiveBatches", "SessionName", "batches_of_recording"),
    "har.binary_samples": ("decode_batch", "encode_batch"),
    "har.labels": ("Label", "LabelTable", "decode_label", "encode_label"),
    "har.predictions": ("Prediction", "decode_prediction", "encode_prediction"),
    "har.recordings": ("Recording", "RecordingError", "RecordingWarning"),
    "har.releases": ("ReleaseError", "ReleaseManifest", "decode_manifest"),
    "har.rejections": ("RejectedMessage",),
    "har.samples": ("SampleBatch",),
    "har.windowing": ("RecordingWindows", "WindowSpec", "recording_windows"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "ActivityClassifier",
    "ActivityStyle",
    "Classifier",
    "Label",
    "LabelTable",
    "LiveBatches",
    "Prediction",
    "Recording",
    "RecordingError",
    "RecordingWarning",
    "RecordingWindows",
    "RejectedMessage",
    "ReleaseError",
    "ReleaseManifest",
    "SampleBatch",
    "SessionName",
    "WindowSpec",
    "Windows",
    "activity_style",
    "batches_of_recording",
    "decode_batch",
    "decode_label",
    "decode_manifest",
    "decode_prediction",
    "encode_batch",
    "encode_label",
    "encode_prediction",
    "load",
    "read",
    "recording_windows",
    "windows",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that a command loads only what it needs."""
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module 'har' has no attribute {name!r}")
    return getattr(import_module(module), name)


def __dir__() -> list[str]:
    """List the public names, too, for those who explore the package."""
    return sorted({*globals(), *__all__})

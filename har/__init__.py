"""The domain of human-activity recognition: messages, event-time windows, predictions and releases.

It holds pure functions over arrays, the typed messages that the services exchange, and the names of Kafka's topics and
Redis's keys. It imports no client of Kafka or Redis, no web framework and no neural network. Only the services use
`har.process`, which every process needs; `har.web` reads the files of both pages and holds the shared ones.

The names in `__all__`, and `ingest.senders.phone_client.PhoneClient`, are the public API: they change only with an
entry in the changelog. Everything else may change at any time. They are imported when they are first used.

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
    from har.activity_styles import ActivityStyle, activity_style
    from har.batching import LiveBatches, SessionName, batches_of_recording
    from har.binary_samples import decode_batch, encode_batch
    from har.labels import Label, LabelTable, decode_label, encode_label
    from har.predictions import Prediction, decode_prediction, encode_prediction
    from har.recordings import Recording, RecordingError
    from har.rejections import RejectedMessage
    from har.releases import ReleaseError, ReleaseManifest, decode_manifest
    from har.samples import SampleBatch
    from har.windowing import RecordingWindows, WindowSpec, recording_windows

_MODULES = {
    "har.activity_styles": ("ActivityStyle", "activity_style"),
    "har.batching": ("LiveBatches", "SessionName", "batches_of_recording"),
    "har.binary_samples": ("decode_batch", "encode_batch"),
    "har.labels": ("Label", "LabelTable", "decode_label", "encode_label"),
    "har.predictions": ("Prediction", "decode_prediction", "encode_prediction"),
    "har.recordings": ("Recording", "RecordingError"),
    "har.releases": ("ReleaseError", "ReleaseManifest", "decode_manifest"),
    "har.rejections": ("RejectedMessage",),
    "har.samples": ("SampleBatch",),
    "har.windowing": ("RecordingWindows", "WindowSpec", "recording_windows"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "ActivityStyle",
    "Label",
    "LabelTable",
    "LiveBatches",
    "Prediction",
    "Recording",
    "RecordingError",
    "RecordingWindows",
    "RejectedMessage",
    "ReleaseError",
    "ReleaseManifest",
    "SampleBatch",
    "SessionName",
    "WindowSpec",
    "activity_style",
    "batches_of_recording",
    "decode_batch",
    "decode_label",
    "decode_manifest",
    "decode_prediction",
    "encode_batch",
    "encode_label",
    "encode_prediction",
    "recording_windows",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that a command loads only what it needs."""
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module 'har' has no attribute {name!r}")
    return getattr(import_module(module), name)

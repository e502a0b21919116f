"""`Prediction`: a release's result for one window, and its messages.

Predictions are delivered at least once. Their key is `(device, session, start)`. Consumers keep the newest prediction
for each key, so a window that was classified twice counts once.
"""

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from har.activity_names import named_class
from har.decisions import UNKNOWN, decide, no_opinion
from har.personal_head import PersonalHead
from har.releases import ReleaseManifest
from har.signal_quality import Reason
from har.upright import Reference, gravity_of

SCHEMA = 1
MadeOn = Literal["server", "device"]


class WindowAlone(msgspec.Struct, frozen=True):
    """The answer for a window without the session's upright reference; see `Prediction.activity` and `confidence`."""

    activity: str
    confidence: float


class Prediction(msgspec.Struct, frozen=True):
    """A release's result for one window.

    Attributes
    ----------
    device, session : str
        The window's device and session.
    start, end : int
        Event time of the window's first value and of its end, µs since the epoch.
    activity : str
        The most probable class, or ``unknown`` if none is probable enough (`har.decisions`) or there is a `reason`.
    confidence : float
        The class's probability; for ``unknown``, 1 minus the largest probability.
    probabilities : dict of str to float
        The probability of each class of the release, after the use of the upright reference; with a `reason`, the same
        for each.
    release : str
        The release that classified the window.
    arrived : int
        When the batch with the last reading that the window depends on reached the gateway, µs since the
        epoch by the gateway's clock. For a prediction made on a device: when the report of it reached the gateway, or,
        on the device itself, when it had that reading, by its own clock.
    made_on : {'server', 'device'}
        What classified the window: the stream processor, or the device that measured it.
    schema : int
        Version of this message.
    reason : str or None
        Why the readings under the window do not allow to name an activity (`har.signal_quality.Reason`; consumers must
        expect further reasons). The activity is ``unknown`` then. None if the network classified the window.
    kind : str or None
        For ``unknown``: the kind of background that the window shows, such as ``table``, if one is probable enough.
    background : dict of str to float
        The probability of each kind of background that the release knows. With those of `probabilities` they sum to 1.
    lean : float or None
        Cosine of the angle between the window's mean acceleration and the session's upright reference (`har.upright`).
        None if there is no reference yet, the release uses none, or there is a `reason`.
    alone : WindowAlone or None
        The answer without the reference; None if it is the same.
    reference : Reference or None
        What the session knows about upright after this window; None if nothing. The stream processor continues from it
        after a restart. A device reports none.
    personal : int or None
        Number of the device's personal head that corrected the network's answer (`har.personal_head`); None if none
        did. `alone` and the reference follow the correction.
    """

    device: str
    session: str
    start: int
    end: int
    activity: str
    confidence: float
    probabilities: dict[str, float]
    release: str
    arrived: int
    made_on: MadeOn = "server"
    schema: int = SCHEMA
    reason: str | None = None
    kind: str | None = None
    background: dict[str, float] = {}
    lean: float | None = None
    alone: WindowAlone | None = None
    reference: Reference | None = None
    personal: int | None = None

    @classmethod
    def of_window(
        cls,
        manifest: ReleaseManifest,
        device: str,
        session: str,
        start: int,
        probabilities: NDArray[np.float32],
        arrived: int,
        made_on: MadeOn = "server",
        *,
        head: PersonalHead | None = None,
        values: NDArray[np.float32] | None = None,
    ) -> "Prediction":
        """Return a release's prediction for a window.

        Parameters
        ----------
        manifest : ReleaseManifest
            The release's manifest.
        device, session, start, arrived, made_on
            The prediction's attributes of the same names.
        probabilities : ndarray of float32, shape (outputs,)
            The network's output, in the order of the manifest's classes and kinds of background.
        head : PersonalHead or None
            The device's personal head. One for another release, or for other outputs, is not used.
        values : ndarray of float32, shape (steps, 3), optional
            The window, m/s², gravity included. A head needs it.
        """
        row, classes, personal = probabilities.tolist(), manifest.classes, None
        if values is not None and head is not None and head.release == manifest.release:
            fits = head.fits(manifest.outputs, len(classes))
            corrected = head.corrected(row, gravity_of(values)) if fits else None
            if corrected is not None:
                row, personal = corrected, head.number
        by_class = dict(zip(classes, row[: len(classes)], strict=True))
        background = dict(zip(manifest.kinds, row[len(classes) :], strict=True))
        activity, confidence, kind = decide(by_class, manifest.thresholds, background)
        return cls(
            *(device, session, start, start + manifest.window_spec.length_us, activity, confidence, by_class),
            *(manifest.release, arrived, made_on),
            kind=kind,
            background=background,
            personal=personal,
        )

    @classmethod
    def of_unclassified(
        cls,
        manifest: ReleaseManifest,
        device: str,
        session: str,
        start: int,
        reason: Reason,
        arrived: int,
        made_on: MadeOn = "server",
    ) -> "Prediction":
        """Return the prediction for a window that cannot be classified: ``unknown``, and no class is more probable.

        Parameters
        ----------
        manifest : ReleaseManifest
            The manifest of the release whose bounds the readings are outside of.
        device, session, start, reason, arrived, made_on
            The prediction's attributes of the same names.
        """
        probabilities = no_opinion(manifest.classes)
        return cls(
            *(device, session, start, start + manifest.window_spec.length_us),
            *(UNKNOWN, 1.0 - max(probabilities.values()), probabilities),
            *(manifest.release, arrived, made_on),
            reason=reason,
        )

    @property
    def key(self) -> tuple[str, str, int]:
        """What identifies the window, independent of the release."""
        return self.device, self.session, self.start

    def matches(self, label: str) -> bool:
        """Return whether the activity is right for a label; for labels that are not a class, ``unknown`` is right."""
        named = named_class(label, list(self.probabilities))
        return self.activity == (named if named in self.probabilities else UNKNOWN)


class Trace(msgspec.Struct, frozen=True):
    """The newest part of a window's signal, for display.

    Attributes
    ----------
    start : int
        Event time of the first value, µs since the epoch.
    period : int
        Time between values, µs.
    x, y, z : list of float
        m/s², gravity included.
    """

    start: int
    period: int
    x: list[float]
    y: list[float]
    z: list[float]


class LiveUpdate(msgspec.Struct, frozen=True):
    """What the dashboard receives for one window.

    Attributes
    ----------
    prediction : Prediction
        The window's prediction.
    published : int
        When Kafka confirmed the prediction, µs since the epoch.
    trace : Trace
        The signal of the window's newest hop.
    kind_title : str or None
        What the prediction's `kind` is, for people, as the release's manifest says it; None without a kind.
    """

    prediction: Prediction
    published: int
    trace: Trace
    kind_title: str | None = None


_prediction_encoder = msgspec.json.Encoder()
_prediction_decoder = msgspec.json.Decoder(Prediction)
_update_decoder = msgspec.json.Decoder(LiveUpdate)


def encode_prediction(prediction: Prediction) -> bytes:
    """Encode as JSON."""
    return _prediction_encoder.encode(prediction)


def decode_prediction(message: bytes) -> Prediction:
    """Decode JSON.

    Raises
    ------
    msgspec.MsgspecError
        If the message is not a prediction.
    """
    return _prediction_decoder.decode(message)


def encode_update(update: LiveUpdate) -> bytes:
    """Encode as JSON."""
    return _prediction_encoder.encode(update)


def decode_update(message: bytes) -> LiveUpdate:
    """Decode JSON.

    Raises
    ------
    msgspec.MsgspecError
        If the message is not a live update.
    """
    return _update_decoder.decode(message)

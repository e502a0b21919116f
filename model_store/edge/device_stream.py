"""Cut a device's readings into windows and classify them on the device."""

from collections.abc import Callable
from copy import copy

import numpy as np

from har.assembly import SessionWindows
from har.batching import LiveBatches, SessionName
from har.personal_head import PersonalHead
from har.predictions import Prediction
from har.process.clock import now_us
from har.resampling import Times
from har.samples import Axes, SampleBatch, checked_batch
from har.session_references import judged_in_order
from har.upright import NO_REFERENCE
from har.windowing import WindowSpec, WindowValues
from model_store.lite_classifier import LiteClassifier

#: Most readings in a batch.
PIECE_READINGS = 50


class DeviceStream:
    """Cuts one session of readings into windows and classifies them.

    The windows are the same as those of the stream processor and the trainer. So is the use of the session's upright
    reference. Reports leave the reference out: it stays on the device.

    Parameters
    ----------
    device, session : str
        Names of the device and the session, as in `har.samples.SampleBatch`.
    network : callable
        Returns the current classifier. `add` calls it once, so a new release takes effect between two calls.
    head : callable, optional
        Returns the device's personal head for the release of this name; None if it has none.

    Raises
    ------
    RejectedMessage
        If the name of the device or the session is invalid.
    """

    def __init__(
        self,
        device: str,
        session: str,
        network: Callable[[], LiteClassifier],
        head: Callable[[str], PersonalHead | None] = lambda _: None,
    ) -> None:
        self._readings = LiveBatches(SessionName(device, session), PIECE_READINGS)
        self._device = device
        self._session = session
        self._network = network
        self._head = head
        self._reference = NO_REFERENCE
        self._spec: WindowSpec | None = None
        self._windows: SessionWindows[int]

    def add(self, times: Times, axes: Axes) -> list[Prediction]:
        """Add readings; return the predictions for the windows that they complete.

        Parameters
        ----------
        times : ndarray of int64, shape (n,)
            µs since the epoch, strictly increasing over the whole session.
        axes : ndarray of float32, shape (n, 3)
            m/s², gravity included.

        Raises
        ------
        ValueError
            If a time is not later than the previous one, or the shapes do not match. If times or values are out of
            range, it is a `har.rejections.RejectedMessage` with its code. None of the readings is then used.
        """
        batches = self._batches(times, axes)
        network = self._network()
        self._use_spec(network.manifest.window_spec)
        arrived = now_us()
        windows: list[WindowValues] = []
        times_arrived: list[int] = []
        for batch in batches:
            step = self._windows.add(batch, arrived)
            if step.rejected is not None:
                raise step.rejected
            windows += [WindowValues(window.start, window.values, window.quality) for window in step.windows]
            times_arrived += [window.completed_by for window in step.windows]
        head = self._head(network.manifest.release)
        alone = network.predict(self._device, self._session, windows, times_arrived, head)
        of_windows = zip(alone, (window.values for window in windows), strict=True)
        predictions, self._reference = judged_in_order(of_windows, network.manifest, self._reference)
        return predictions

    def _batches(self, times: Times, axes: Axes) -> list[SampleBatch]:
        """Convert the readings to batches and check them."""
        times, axes = np.asarray(times, np.int64), np.asarray(axes, np.float32)
        if axes.shape != (len(times), 3):
            raise ValueError(f"{len(times)} times need axes of shape ({len(times)}, 3), not {axes.shape}")
        readings = copy(self._readings)  # rejected readings must leave no trace
        readings.add(times, axes)
        batches = []
        while readings.has_any:
            batches.append(checked_batch(readings.cut()))
        self._readings = readings
        return batches

    def _use_spec(self, spec: WindowSpec) -> None:
        if spec != self._spec:
            self._spec = spec
            self._windows = SessionWindows(spec)

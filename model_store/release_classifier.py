"""Classify windows with a release's network, whatever library runs it."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from har.artifacts import ArtifactFormat
from har.personal_head import PersonalHead
from har.predictions import Prediction
from har.release_documents import ReleaseError
from har.releases import ReleaseManifest
from har.windowing import WindowValues
from model_store.golden_check import check_golden
from model_store.release_folder import ReleaseFolder


class Network(Protocol):
    """A loaded network with one input and one output."""

    @property
    def input_shape(self) -> Sequence[int | str]:
        """Shape of the input: windows, steps, axes. A dimension that is not fixed is a name."""

    @property
    def output_shape(self) -> Sequence[int | str]:
        """Shape of the output: windows, outputs. A dimension that is not fixed is a name."""

    def probabilities(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return probabilities, float32 ``(n, outputs)``, for normalised windows, float32 ``(n, steps, 3)``."""


class ReleaseClassifier:
    """Classifier of a release that fits its manifest and has passed its golden window.

    Parameters
    ----------
    release : ReleaseFolder
        The release. Its artifact is verified before it is parsed.
    form : str
        Format of the artifact.
    load : callable
        Loads the content of the artifact; raises ValueError if it cannot be loaded.
    rounded : bool
        Whether the weights are rounded to eight bits; see `check_golden`.

    Raises
    ------
    ReleaseError
        If a file differs from the manifest, the network cannot be loaded or does not fit the manifest, or it fails
        the golden window.
    """

    def __init__(
        self, release: ReleaseFolder, form: ArtifactFormat, load: Callable[[bytes], Network], *, rounded: bool = False
    ) -> None:
        self.release = release
        self.manifest: ReleaseManifest = release.manifest
        content = release.read_artifact(form)
        try:
            self._network = load(content)
        except ValueError as error:
            raise ReleaseError(f"{self.manifest.release}: {error}") from error
        _check_shapes(self._network, self.manifest)
        check_golden(release, self.probabilities, rounded=rounded)

    def probabilities(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Classify windows.

        Parameters
        ----------
        windows : ndarray of float32, shape (n, steps, 3)
            m/s², gravity included, not normalised.

        Returns
        -------
        ndarray of float32, shape (n, outputs)
            Rows sum to 1; columns are in the order of the manifest's classes and kinds of background.
        """
        return self._network.probabilities(self.manifest.normalisation.apply(windows))

    def predict(
        self,
        device: str,
        session: str,
        windows: Sequence[WindowValues],
        arrived: Sequence[int],
        head: PersonalHead | None = None,
    ) -> list[Prediction]:
        """Return the predictions, made on this device, for windows of one session.

        The network is not asked about windows whose readings are outside the manifest's bounds.

        Parameters
        ----------
        device, session : str
            Names of the device and the session.
        windows : sequence of WindowValues
            The windows.
        arrived : sequence of int
            When the last reading of each window arrived, µs since the epoch.
        head : PersonalHead or None
            The device's personal head for this release, if it has one.
        """
        reasons = [self.manifest.signal_bounds.reason(window.quality) for window in windows]
        readable = [window.values for window, reason in zip(windows, reasons, strict=True) if reason is None]
        rows = iter(self.probabilities(np.stack(readable)) if readable else ())
        return [
            Prediction.of_window(
                *(self.manifest, device, session, window.start, next(rows), time, "device"),
                head=head,
                values=window.values,
            )
            if reason is None
            else Prediction.of_unclassified(self.manifest, device, session, window.start, reason, time, "device")
            for window, reason, time in zip(windows, reasons, arrived, strict=True)
        ]


def _check_shapes(network: Network, manifest: ReleaseManifest) -> None:
    windows = network.input_shape[0]
    if isinstance(windows, int) and windows != 1:
        raise ReleaseError(f"{manifest.release}: the network takes {windows} windows at once, not any number or one")
    steps, outputs = list(network.input_shape[1:]), list(network.output_shape[1:])
    if steps != [manifest.steps, 3]:
        raise ReleaseError(
            f"{manifest.release}: the network takes windows of {_product(steps)}, "
            f"the manifest states {manifest.steps} x 3"
        )
    if outputs != [len(manifest.outputs)]:
        raise ReleaseError(
            f"{manifest.release}: the network returns {_product(outputs)} probabilities, "
            f"the manifest names {len(manifest.outputs)} classes and kinds of background"
        )


def _product(shape: Sequence[int | str]) -> str:
    return " x ".join(map(str, shape))

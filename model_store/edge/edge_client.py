"""The edge client's Python API: it classifies readings and keeps the release up to date in the background."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from har.personal_head import PersonalHead
from har.predictions import Prediction
from har.process.clients import new_session
from har.resampling import Times
from har.samples import Axes
from model_store.client.errors import UpdateRejectedError
from model_store.client.fetching import BoundedFetcher
from model_store.client.last_good import ClientFolder
from model_store.client.release_client import ReleaseClient
from model_store.edge.device_stream import DeviceStream
from model_store.edge.reports import ActivityReports
from model_store.edge.updates import CurrentRelease, ReleaseUpdater
from model_store.lite_classifier import FLOAT32, LiteClassifier, LiteFormat


class EdgeClient:
    """Classifies on this device with the release that a store has for it.

    Parameters
    ----------
    store_url : str
        URL of the store, such as ``https://models.example.org``.
    trusted_root : bytes
        Content of the store's ``trusted_root.json``, obtained over a trusted channel.
    folder : Path
        Folder for metadata and releases. Only one client may use it at a time.
    device : str
        Name of this device.
    session : str, optional
        Name of the session; derived from the current time if not given.
    form : {'litert-float32', 'litert-int8'}
        Format of the artifact to use.
    interval_seconds : float
        Time between two checks for a new release, s.
    first_seconds : float
        How long a device without any release waits for its first one, s.
    token : str, optional
        Bearer token for reading from the store, if it needs one.
    report_to : str, optional
        URL of a gateway to report predictions to, such as ``wss://gateway.example.org/v1/activities``. Readings are
        never sent. None to report nothing.
    gateway_token : str, optional
        Bearer token of the gateway, if it needs one.
    on_change, on_rejected : callable, optional
        Callbacks; see `ReleaseUpdater`.

    Examples
    --------
    ::

        with EdgeClient("https://models.example.org", root, Path("edge"), "my-phone") as edge:
            for prediction in edge.add(times_us, axes):   # int64 (n,), float32 (n, 3) in m/s²
                print(prediction.activity, prediction.confidence)
    """

    def __init__(
        self,
        store_url: str,
        trusted_root: bytes,
        folder: Path,
        device: str,
        *,
        session: str | None = None,
        form: LiteFormat = FLOAT32,
        interval_seconds: float = 300.0,
        first_seconds: float = 60.0,
        token: str | None = None,
        report_to: str | None = None,
        gateway_token: str | None = None,
        on_change: Callable[[CurrentRelease], None] = lambda _: None,
        on_rejected: Callable[[UpdateRejectedError], None] = lambda _: None,
    ) -> None:
        client = ReleaseClient(store_url, trusted_root, ClientFolder(folder), (form,), BoundedFetcher(token=token))
        session = session or new_session()
        self._stream = DeviceStream(device, session, lambda: self.network, self.head)
        self._opened = ExitStack()
        self.reports = (
            ActivityReports(report_to, device, session, token=gateway_token) if report_to is not None else None
        )
        self._first_seconds = first_seconds
        self.updates = ReleaseUpdater(
            client, device, form, interval_seconds=interval_seconds, on_change=on_change, on_rejected=on_rejected
        )

    def __enter__(self) -> Self:
        """Load the last good release, or wait for the first one.

        Raises
        ------
        UpdateRejectedError
            If there is no release within `first_seconds`.
        """
        with ExitStack() as opened:
            opened.enter_context(self.updates)
            self.updates.wait_for_release(self._first_seconds)
            if self.reports is not None:
                opened.enter_context(self.reports)
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)

    @property
    def release(self) -> str:
        """Name of the current release."""
        return self.network.manifest.release

    def add(self, times: Times, axes: Axes) -> list[Prediction]:
        """Add readings; return the predictions for the windows that they complete. See `DeviceStream.add`."""
        predictions = self._stream.add(times, axes)
        if self.reports is not None:
            self.reports.add(predictions)
        return predictions

    @property
    def network(self) -> LiteClassifier:
        """Classifier of the current release."""
        current = self.updates.current
        assert current is not None, "the client's context is not open"
        return current.network

    def head(self, release: str) -> PersonalHead | None:
        """Return this device's personal head for a release; None if the store has none."""
        current = self.updates.current
        return current.head if current is not None and current.pointer.release == release else None

"""The edge client for programs: readings in, activities out, and the release kept up to date meanwhile."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from har.predictions import Prediction
from har.resampling import Times
from har.samples import Axes
from model_store.client.errors import UpdateRejectedError
from model_store.client.fetching import BoundedFetcher
from model_store.client.last_good import ClientFolder
from model_store.client.release_client import ReleaseClient
from model_store.edge.device_stream import DeviceStream
from model_store.edge.reports import ActivityReports
from model_store.edge.updates import ReleaseUpdater, Running
from model_store.lite_classifier import FLOAT32, LiteClassifier, LiteFormat


class EdgeClient:
    """Classifies on this device, with the release that a store has for it.

    Parameters
    ----------
    store_url : str
        The store, such as ``https://models.example.org``.
    trusted_root : bytes
        The store's `trusted_root.json`, which came by a way that is trusted.
    folder : Path
        Where metadata and releases are kept; no other client uses it meanwhile.
    device : str
        This device's name.
    session : str, optional
        The session's name; made from the time if not given.
    form : {'litert-float32', 'litert-int8'}
        Which artifact is used.
    interval_seconds : float
        How often the store is asked for news.
    first_seconds : float
        How long a device that never had a release waits for its first one.
    token : str, optional
        What a store asks for that is not open to everybody.
    report_to : str, optional
        A gateway that is told the activities, such as ``wss://gateway.example.org/v1/activities``; never readings.
    gateway_token : str, optional
        What the gateway asks for.
    on_change, on_rejected : callable, optional
        As of `ReleaseUpdater`.

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
        on_change: Callable[[Running], None] = lambda _: None,
        on_rejected: Callable[[UpdateRejectedError], None] = lambda _: None,
    ) -> None:
        client = ReleaseClient(store_url, trusted_root, ClientFolder(folder), (form,), BoundedFetcher(token=token))
        session = session or f"s{time.time_ns() // 1_000_000}"
        self._stream = DeviceStream(device, session, lambda: self.network)
        self._opened = ExitStack()
        self.reports = (
            ActivityReports(report_to, device, session, token=gateway_token) if report_to is not None else None
        )
        self._first_seconds = first_seconds
        self.updates = ReleaseUpdater(
            client, device, form, interval_seconds=interval_seconds, on_change=on_change, on_rejected=on_rejected
        )

    def __enter__(self) -> Self:
        """Begin with what was good last, else wait for the first release.

        Raises
        ------
        UpdateRejectedError
            If there is none.
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
        """The release that classifies now."""
        return self.network.manifest.release

    def add(self, times: Times, axes: Axes) -> list[Prediction]:
        """Take readings; return what is said of the windows that they complete. See `DeviceStream.add`."""
        predictions = self._stream.add(times, axes)
        if self.reports is not None:
            self.reports.add(predictions)
        return predictions

    @property
    def network(self) -> LiteClassifier:
        """What classifies now."""
        running = self.updates.running
        assert running is not None, "the client's context is not open"
        return running.network

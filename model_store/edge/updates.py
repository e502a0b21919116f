"""Keeping the release of a device: the last good one at once, newer ones as the store has them, in the background."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from har.channels import Channel, ChannelPointer
from har.releases import ReleaseError
from model_store.client.errors import UpdateRejectedError
from model_store.client.release_client import PulledRelease, ReleaseClient
from model_store.edge.pauses import Pauses
from model_store.lite_classifier import LiteClassifier, LiteFormat

log = logging.getLogger(__name__)

#: A pull that goes on is not waited for: what it has written is whole or begun again.
STOP_SECONDS = 1.0


@dataclass(frozen=True)
class Running:
    """The release that classifies now.

    Attributes
    ----------
    pointer : ChannelPointer
        What the device's channel said.
    network : LiteClassifier
        It, loaded and checked.
    """

    pointer: ChannelPointer
    network: LiteClassifier

    @property
    def channel(self) -> Channel:
        """The channel that it is from."""
        return self.pointer.channel


class ReleaseUpdater:
    """The newest verified release for one device; updated while its context is open.

    Parameters
    ----------
    client : ReleaseClient
        Pulls from the store; nobody else uses it meanwhile.
    device : str
        Whose releases: a share of the devices gets the canary.
    form : {'litert-float32', 'litert-int8'}
        Which artifact is loaded.
    interval_seconds : float
        How often the store is asked.
    on_change : callable, optional
        Called with the release that takes over, in the thread of the updates.
    on_rejected : callable, optional
        Called with why an update was not taken.

    Attributes
    ----------
    running : Running or None
        What classifies now; replaced as a whole, so whoever reads it once has one release.
    rejected : UpdateRejectedError or None
        Why the latest update was not taken; None if it was, or if there was none to take.
    """

    def __init__(
        self,
        client: ReleaseClient,
        device: str,
        form: LiteFormat,
        *,
        interval_seconds: float,
        on_change: Callable[[Running], None] = lambda _: None,
        on_rejected: Callable[[UpdateRejectedError], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._device = device
        self._form = form
        self._pauses = Pauses(interval_seconds)
        self._on_change = on_change
        self._on_rejected = on_rejected
        self._has_ended = threading.Event()
        self._has_release = threading.Event()
        self._thread = threading.Thread(target=self._update_forever, name="release-updates", daemon=True)
        self.running: Running | None = None
        self.rejected: UpdateRejectedError | None = None

    def __enter__(self) -> Self:
        """Load what was good last, and begin to ask the store."""
        self.load_last_good()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._has_ended.set()
        self._thread.join(STOP_SECONDS)

    def load_last_good(self) -> None:
        """Let what was good last classify, if it is still here; this needs no network."""
        try:
            for pulled in self._client.last_good().values():
                self._run(Running(pulled.pointer, LiteClassifier(pulled.release, self._form)))
        except ReleaseError as error:
            log.warning("what was good last cannot be used any more: %s", error)

    def wait_for_release(self, seconds: float) -> Running:
        """Return what classifies; waits for the first release of a device that never had one.

        Raises
        ------
        UpdateRejectedError
            If none has come by then; it says why.
        """
        if not self._has_release.wait(seconds) or self.running is None:
            raise self.rejected or UpdateRejectedError("unreachable", f"no release within {seconds:g} s")
        return self.running

    def update(self) -> bool:
        """Ask the store once; return whether another release classifies from now on.

        Raises
        ------
        UpdateRejectedError
            If an update was not taken; what ran before runs on.
        """
        pulled = list(self._client.pull(device=self._device).values())
        if not pulled:
            raise UpdateRejectedError("unusable", "the store has no release yet")
        return self._take(pulled[0])

    def _take(self, pulled: PulledRelease) -> bool:
        running = self.running
        if running is not None and running.pointer == pulled.pointer:
            return False
        try:
            update = Running(pulled.pointer, LiteClassifier(pulled.release, self._form))
            self._client.folder.keep([pulled.pointer])
        except (ReleaseError, OSError) as error:
            raise UpdateRejectedError("unusable", str(error)) from error
        self._run(update)
        return running is None or running.pointer.manifest_sha256 != pulled.pointer.manifest_sha256

    def _run(self, update: Running) -> None:
        self.running = update
        self._has_release.set()
        self._on_change(update)

    def _update_forever(self) -> None:
        pause = 0.0
        while not self._has_ended.wait(pause):
            try:
                self.update()
            except UpdateRejectedError as rejected:
                self.rejected = rejected
                self._on_rejected(rejected)
                pause = self._pauses.after_failure()
            else:
                self.rejected = None
                pause = self._pauses.after_success()

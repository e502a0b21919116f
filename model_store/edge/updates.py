"""Keep a device's release up to date: load the last good one at once, and pull newer ones in the background.

The device's personal head is kept up to date with it.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from har.channels import Channel, ChannelPointer
from har.personal_head import PersonalHead
from har.personal_index import head_for
from har.process.back_off import BackOff, spread_out
from har.release_documents import ReleaseError
from model_store.client.errors import UpdateRejectedError
from model_store.client.release_client import PulledRelease, ReleaseClient
from model_store.lite_classifier import LiteClassifier, LiteFormat

log = logging.getLogger(__name__)

#: How long to wait for a running pull at the end, s. A pull can be interrupted safely: downloads are resumed.
STOP_SECONDS = 1.0
#: The first pause after a failure, s; later ones double up to the interval.
FIRST_PAUSE_SECONDS = 2.0


@dataclass(frozen=True)
class CurrentRelease:
    """The release that classifies now.

    Attributes
    ----------
    pointer : ChannelPointer
        Pointer of the device's channel to the release.
    network : LiteClassifier
        Classifier of the release, loaded and checked.
    head : PersonalHead or None
        The device's newest personal head for the release; None if it has none.
    """

    pointer: ChannelPointer
    network: LiteClassifier
    head: PersonalHead | None = None

    @property
    def channel(self) -> Channel:
        """Channel that the release came from."""
        return self.pointer.channel


class ReleaseUpdater:
    """Watches the store for one device and swaps releases while its context is open.

    Parameters
    ----------
    client : ReleaseClient
        Pulls from the store. Nothing else may use it at the same time.
    device : str
        Name of the device. It decides whether the device gets the canary.
    form : {'litert-float32', 'litert-int8'}
        Format of the artifact to load.
    interval_seconds : float
        Time between two checks of the store, s.
    on_change : callable, optional
        Called with each new `CurrentRelease`, in the thread that updates; also if only the personal head changed.
    on_rejected : callable, optional
        Called with the `UpdateRejectedError` of each rejected update, in the thread that updates.

    Attributes
    ----------
    current : CurrentRelease or None
        The release that classifies now; None before the first one. It is replaced as a whole.
    rejected : UpdateRejectedError or None
        The rejection of the latest check; None if the check succeeded.
    """

    def __init__(
        self,
        client: ReleaseClient,
        device: str,
        form: LiteFormat,
        *,
        interval_seconds: float,
        on_change: Callable[[CurrentRelease], None] = lambda _: None,
        on_rejected: Callable[[UpdateRejectedError], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._device = device
        self._form = form
        self._interval_seconds = interval_seconds
        self._back_off = BackOff(FIRST_PAUSE_SECONDS, longest=interval_seconds)
        self._on_change = on_change
        self._on_rejected = on_rejected
        self._has_ended = threading.Event()
        self._has_release = threading.Event()
        self._was_checked = threading.Event()
        self._thread = threading.Thread(target=self._update_forever, name="release-updates", daemon=True)
        self._heads: list[PersonalHead] = []
        self.current: CurrentRelease | None = None
        self.rejected: UpdateRejectedError | None = None

    def __enter__(self) -> Self:
        """Load the last good release and start to check the store."""
        self.load_last_good()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._has_ended.set()
        self._thread.join(STOP_SECONDS)

    def load_last_good(self) -> None:
        """Use the last good release, if there is one on disk. This needs no connection to the store."""
        try:
            self._heads = self._client.last_good_heads().heads.get(self._device, [])
        except ReleaseError as error:
            log.warning("cannot load the last good personal head: %s", error)
        try:
            for pulled in self._client.last_good().values():
                self._set_current(self._loaded(pulled))
        except ReleaseError as error:
            log.warning("cannot load the last good release: %s", error)

    def wait_for_release(self, seconds: float) -> CurrentRelease:
        """Return the current release. Wait for the first one if there is none yet.

        Raises
        ------
        UpdateRejectedError
            If there is no release within `seconds`; the latest rejection, if there was one.
        """
        if not self._has_release.wait(seconds) or self.current is None:
            raise self.rejected or UpdateRejectedError("unreachable", f"no release within {seconds:g} s")
        return self.current

    def wait_for_check(self, seconds: float) -> None:
        """Wait until the first check of the store has ended, whether it succeeded or not; `seconds` at most."""
        self._was_checked.wait(seconds)

    def update(self) -> bool:
        """Check the store once; return whether the release changed.

        Raises
        ------
        UpdateRejectedError
            If the update is rejected. The current release stays; so does the current personal head, while its release
            does.
        """
        pulled = list(self._client.pull(device=self._device).values())
        if not pulled:
            raise UpdateRejectedError("unusable", "the store has no release yet")
        is_new = self._adopt(pulled[0])
        self._heads = self._client.pull_heads(device=self._device).heads.get(self._device, [])
        assert self.current is not None
        head = self._head_for(self.current.network)
        if head != self.current.head:
            self._set_current(replace(self.current, head=head))
        return is_new

    def _adopt(self, pulled: PulledRelease) -> bool:
        current = self.current
        if current is not None and current.pointer == pulled.pointer:
            return False
        try:
            update = self._loaded(pulled)
            self._client.folder.keep([pulled.pointer])
        except (ReleaseError, OSError) as error:
            raise UpdateRejectedError("unusable", str(error)) from error
        self._set_current(update)
        return current is None or current.pointer.manifest_sha256 != pulled.pointer.manifest_sha256

    def _loaded(self, pulled: PulledRelease) -> CurrentRelease:
        network = LiteClassifier(pulled.release, self._form)
        return CurrentRelease(pulled.pointer, network, self._head_for(network))

    def _head_for(self, network: LiteClassifier) -> PersonalHead | None:
        manifest = network.manifest
        head = head_for(self._heads, manifest.release)
        if head is not None and not head.fits(manifest.outputs, len(manifest.classes)):
            log.warning("not used: personal head %d does not fit the outputs of %s", head.number, manifest.release)
            return None
        return head

    def _set_current(self, release: CurrentRelease) -> None:
        self.current = release
        self._has_release.set()
        self._on_change(release)

    def _update_forever(self) -> None:
        pause = 0.0
        while not self._has_ended.wait(pause):
            try:
                self.update()
            except UpdateRejectedError as rejected:
                self.rejected = rejected
                self._on_rejected(rejected)
                pause = self._back_off.next_pause()
            except Exception:  # of any kind: the device would classify on, and never get another release
                log.exception("cannot check the store, will retry: unexpected error")
                pause = self._back_off.next_pause()
            else:
                self.rejected = None
                self._back_off.reset()
                pause = spread_out(self._interval_seconds)
            self._was_checked.set()

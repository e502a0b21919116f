"""Load releases and personal heads from a store: pull, verify and check them, or reject the update as a whole."""

import fcntl
import os
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from har.channels import CANARY, STABLE, Channel
from har.release_documents import ReleaseError
from har.windowing import WindowSpec
from model_store.client.errors import UpdateRejectedError
from model_store.client.fetching import BoundedFetcher, Patience
from model_store.client.head_client import PersonalHeads
from model_store.client.last_good import ClientFolder
from model_store.client.release_client import Pulled, ReleaseClient
from model_store.client.trusted_root import read_trusted_root
from model_store.onnx_classifier import FORMAT, OnnxClassifier
from stream_processor.serving import CurrentReleases
from stream_processor.settings import ProcessorSettings

#: Time limit of one pull, s. After it the pull is tried again later; the current releases stay in use.
PULL_SECONDS = 20.0
#: How long a worker that starts pulls personal heads before it begins without them, s.
FIRST_HEADS_SECONDS = 120.0


@dataclass(frozen=True)
class _Loaded:
    """A release in memory, and the SHA-256 digest of its manifest."""

    sha256: str
    network: OnnxClassifier


class ReleaseLoader:
    """Loads the releases that a store's channels point to, and its heads; one call at a time, in any thread.

    Parameters
    ----------
    client : ReleaseClient
        Pulls from the store.
    baseline : OnnxClassifier
        The stable release while the store has none. All releases must use the same windows as it.
    threads : int
        CPU threads a network may use.

    Attributes
    ----------
    has_pulled : bool
        Whether the store has answered yet.
    heads : PersonalHeads
        The personal heads that were loaded last.
    """

    def __init__(self, client: ReleaseClient, baseline: OnnxClassifier, *, threads: int) -> None:
        self._client = client
        self._baseline = baseline
        self._threads = threads
        self._loaded: dict[Channel, _Loaded] = {}
        self.has_pulled = False
        self.heads = PersonalHeads()

    @property
    def spec(self) -> WindowSpec:
        """How windows are cut; the same for every release."""
        return self._baseline.manifest.window_spec

    def last_good(self) -> CurrentReleases:
        """Load the last releases that passed all checks, or the baseline, without asking the store.

        Raises
        ------
        UpdateRejectedError
            If the kept releases cannot be used any more.
        """
        try:
            return self._load(self._client.last_good(), effective=0)
        except UpdateRejectedError:
            raise
        except ReleaseError as error:
            raise UpdateRejectedError("unusable", str(error)) from error

    def pull(self, least: dict[Channel, int], *, effective: int) -> CurrentReleases:
        """Pull, load and check what the channels point to, and keep it as the last good state.

        Parameters
        ----------
        least : dict of str to int
            The lowest acceptable change of each channel, from announcements.
        effective : int
            Arrival time at the gateway from which the releases apply, µs since the epoch.

        Raises
        ------
        UpdateRejectedError
            If something cannot be pulled or must not be used.
        """
        pulled = self._client.pull(least=least)
        self.has_pulled = True
        current = self._load(pulled, effective=effective)
        try:
            self._client.folder.keep([release.pointer for release in pulled.values()])
        except OSError as error:
            raise UpdateRejectedError("unusable", f"cannot write it to disk: {error}") from error
        return current

    def last_good_heads(self) -> PersonalHeads:
        """Load the last good personal heads without asking the store.

        Raises
        ------
        UpdateRejectedError
            If the kept heads cannot be used any more.
        """
        try:
            self.heads = self._client.last_good_heads()
        except ReleaseError as error:
            raise UpdateRejectedError("unusable", str(error)) from error
        return self.heads

    def pull_heads(self, least: int) -> PersonalHeads:
        """Pull and check the personal heads of all devices, and keep them as the last good ones.

        Parameters
        ----------
        least : int
            The lowest acceptable number of their index, from announcements.

        Raises
        ------
        UpdateRejectedError
            If something cannot be pulled or must not be used. The heads stay as they are.
        """
        self.heads = self._client.pull_heads(least=least)
        return self.heads

    def pull_first_heads(self) -> None:
        """Pull the personal heads as often as each attempt fetches more of them.

        A worker on a new machine has none, and a thousand may take longer than the time limit of one pull.

        Raises
        ------
        UpdateRejectedError
            If an attempt fails and has fetched nothing, or after `FIRST_HEADS_SECONDS`.
        """
        deadline = time.monotonic() + FIRST_HEADS_SECONDS
        while True:
            before = self._client.count_heads_on_disk()
            try:
                self.pull_heads(0)
            except UpdateRejectedError:
                if self._client.count_heads_on_disk() <= before or time.monotonic() > deadline:
                    raise
            else:
                return

    def _load(self, pulled: Pulled, *, effective: int) -> CurrentReleases:
        loaded: dict[Channel, _Loaded] = {}
        for channel, found in pulled.items():
            sha256 = found.pointer.manifest_sha256
            assert sha256 is not None
            known = [other for other in self._loaded.values() if other.sha256 == sha256]
            if known:
                loaded[channel] = known[0]
                continue
            self._reject_other_windows(found.release.manifest.release, found.release.manifest.window_spec)
            try:
                network = OnnxClassifier(found.release, threads=self._threads)
            except ReleaseError as error:
                raise UpdateRejectedError("unusable", str(error)) from error
            loaded[channel] = _Loaded(sha256, network)
        self._loaded = loaded
        networks: dict[Channel, OnnxClassifier] = {STABLE: self._baseline}
        networks |= {channel: release.network for channel, release in loaded.items()}
        return CurrentReleases(
            networks,
            pulled[CANARY].pointer.share if CANARY in pulled else 0.0,
            effective,
            {channel: found.pointer.number for channel, found in pulled.items()},
        )

    def _reject_other_windows(self, release: str, spec: WindowSpec) -> None:
        if spec != self.spec:
            raise UpdateRejectedError(
                "unusable",
                f"{release} needs other windows ({spec}) than this processor cuts ({self.spec}): start another "
                "processor for it, in a consumer group of its own",
            )


def release_client(settings: ProcessorSettings) -> ReleaseClient:
    """Return a client of the store in the settings.

    Raises
    ------
    ReleaseError
        If the trusted root cannot be read or is invalid.
    OSError
        If the client's folder cannot be written.
    """
    assert settings.store_url is not None
    folder = _claimed(settings.data_folder)
    token = settings.store_token.get_secret_value() if settings.store_token is not None else None
    return ReleaseClient(
        settings.store_url,
        read_trusted_root(settings.trusted_root),
        ClientFolder(folder),
        (FORMAT,),
        BoundedFetcher(Patience(deadline_seconds=PULL_SECONDS), token=token),
    )


#: Open locks: held as long as this process lives, so that no other process uses its folder.
_claims: list[int] = []


def _claimed(data_folder: Path) -> Path:
    """Lock and return a folder for releases that no other processor on this machine uses."""
    for number in count(1):
        folder = data_folder / ("releases" if number == 1 else f"releases-{number}")
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        _claims.append(lock)
        return folder
    raise AssertionError("unreachable: count() does not end")

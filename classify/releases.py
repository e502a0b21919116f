"""Open the release that classifies: the shipped one, a folder, or the stable one of a signed store."""

import fcntl
import hashlib
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from har.channels import STABLE, Channel
from har.process.settings import DEFAULT_TRUSTED_ROOT, masked_url
from har.release_documents import ReleaseError
from model_store.client.errors import UpdateRejectedError
from model_store.client.fetching import BoundedFetcher
from model_store.client.last_good import ClientFolder
from model_store.client.release_client import PulledRelease, ReleaseClient
from model_store.client.trusted_root import read_trusted_root
from model_store.onnx_classifier import FORMAT, OnnxClassifier
from model_store.release_classifier import ReleaseClassifier
from model_store.release_folder import BASELINE, open_release

log = logging.getLogger(__name__)

#: The channels whose releases are fetched. A file has no device that could be among those of a canary.
_CHANNELS: tuple[Channel, ...] = (STABLE,)
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")
_STORE_URL = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True)
class StoreAccess:
    """What reading from a store needs.

    Attributes
    ----------
    trusted_root : Path
        File with the store's root metadata, obtained over a trusted channel.
    token : str or None
        Bearer token for reading, if the store needs one.
    folder : Path
        Folder for releases and trusted metadata. Each store gets a folder of its own in it.
    """

    trusted_root: Path = DEFAULT_TRUSTED_ROOT
    token: str | None = field(default=None, repr=False)
    folder: Path = Path(".har/classify")


def open_classifier(release: str | Path = BASELINE, access: StoreAccess | None = None) -> ReleaseClassifier:
    """Open a release; check its files and its golden window.

    Parameters
    ----------
    release : str or Path
        ``"baseline"`` for the shipped release, the folder of a release, or the URL of `har store serve`. Of a store,
        it is the release of the channel ``stable``. Its signatures are verified. If the store cannot be reached or
        its answer is rejected, it is the release that was good last, with a warning in the log.
    access : StoreAccess, optional
        What reading from a store needs; the defaults if not given.

    Raises
    ------
    ReleaseError
        If there is no such release, it cannot be verified, loaded or passed as good, or the folder for releases from
        stores cannot be used.
    OSError
        If a release from a store cannot be written to its folder.
    """
    if not _URL.match(str(release)):
        return OnnxClassifier(open_release(release))
    if not _STORE_URL.match(str(release)):
        raise ReleaseError(f"{release} is not the URL of a store: it must begin with http:// or https://")
    return _from_store(str(release), access or StoreAccess())


def _from_store(url: str, access: StoreAccess) -> ReleaseClassifier:
    root = read_trusted_root(access.trusted_root)
    of_store = hashlib.sha256(url.rstrip("/").encode() + b"\n" + root).hexdigest()[:16]
    with _used_alone(access.folder / of_store) as folder:
        client = ReleaseClient(url, root, ClientFolder(folder), (FORMAT,), BoundedFetcher(token=access.token))
        try:
            return _pulled(client)
        except UpdateRejectedError as rejected:
            known = client.last_good().get(STABLE)
            if known is None:
                raise _first_time(rejected, url, access.trusted_root) from rejected
            log.warning("%s: %s; using %s, which was good last", masked_url(url), rejected, known.pointer.release)
            return OnnxClassifier(known.release)


def _first_time(rejected: UpdateRejectedError, url: str, root: Path) -> UpdateRejectedError:
    """Return what to tell of a store whose release was never here."""
    if rejected.reason != "unsigned":
        return rejected
    return UpdateRejectedError("unsigned", f"{rejected.detail}; is {root} the trusted root of {masked_url(url)}?")


def _pulled(client: ReleaseClient) -> ReleaseClassifier:
    found: PulledRelease | None = client.pull(channels=_CHANNELS).get(STABLE)
    if found is None:
        raise UpdateRejectedError("unusable", "the store has no release yet")
    try:
        classifier = OnnxClassifier(found.release)
    except ReleaseError as error:
        raise UpdateRejectedError("unusable", str(error)) from error
    client.folder.keep([found.pointer])
    return classifier


@contextmanager
def _used_alone(folder: Path) -> Iterator[Path]:
    """Hold a client's folder, which one process may use at a time; wait for another that pulls a release meanwhile."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("a")
    except OSError as error:
        raise ReleaseError(f"a store's releases cannot be kept in {folder}: {error.strerror}") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder

"""Files of a store whose signatures a client verifies before anything parses them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tuf.api.exceptions import DownloadError, DownloadLengthMismatchError, RepositoryError
from tuf.api.metadata import TargetFile
from tuf.ngclient.config import UpdaterConfig
from tuf.ngclient.updater import Updater

from har.release_documents import ReleaseError
from model_store.client.errors import UpdateRejectedError, rejection
from model_store.client.fetching import BoundedFetcher
from model_store.client.last_good import ClientFolder
from model_store.client.trusted_root import check_trusted_root
from model_store.layout import MAX_METADATA_BYTES, MAX_ROOTS, METADATA_FOLDER, target_name

#: Limits for the size and number of metadata files, far below the defaults of python-tuf.
LIMITS = UpdaterConfig(
    max_root_rotations=MAX_ROOTS,
    max_delegations=4,
    root_max_length=65_536,
    timestamp_max_length=16_384,
    snapshot_max_length=65_536,
    targets_max_length=MAX_METADATA_BYTES,
)


class SignedFiles:
    """The files of a store, as its newest metadata lists them.

    Parameters
    ----------
    url : str
        URL of the store.
    trusted_root : bytes
        Root metadata of the store, obtained over a trusted channel.
    folder : ClientFolder
        Folder for metadata and downloads. Only one client may use it at a time.
    fetcher : BoundedFetcher
        Fetches the files.

    Raises
    ------
    ReleaseError
        If `trusted_root` is not root metadata.
    """

    def __init__(self, url: str, trusted_root: bytes, folder: ClientFolder, fetcher: BoundedFetcher) -> None:
        check_trusted_root(trusted_root)
        self._url = url.rstrip("/")
        self._trusted_root = trusted_root
        self._folder = folder
        self._fetcher = fetcher

    @contextmanager
    def refreshed(self) -> Iterator["SignedTargets"]:
        """Fetch and verify the newest metadata, for the pull in this context.

        Raises
        ------
        UpdateRejectedError
            If a download or a verification fails, here or in the context.
        """
        self._fetcher.restart()
        try:
            updater = Updater(
                str(self._folder.trusted),
                f"{self._url}/{METADATA_FOLDER}/",
                fetcher=self._fetcher,
                config=LIMITS,
                bootstrap=self._trusted_root,
            )
            updater.refresh()
            yield SignedTargets(self._url, updater, self._folder, self._fetcher)
        except (DownloadError, RepositoryError, ReleaseError, OSError) as error:
            raise rejection(error) from error
        finally:
            self._fetcher.close()


class SignedTargets:
    """The files that one edition of the metadata lists. See `SignedFiles.refreshed`."""

    def __init__(self, url: str, updater: Updater, folder: ClientFolder, fetcher: BoundedFetcher) -> None:
        self._url = url
        self._updater = updater
        self._folder = folder
        self._fetcher = fetcher

    def find(self, path: str) -> TargetFile | None:
        """Return what was signed for a path; None if nothing was."""
        return self._updater.get_targetinfo(path)

    def require(self, path: str) -> TargetFile:
        """Return what was signed for a path.

        Raises
        ------
        UpdateRejectedError
            If nothing was signed for it.
        """
        target = self.find(path)
        if target is None:
            raise UpdateRejectedError("contradictory", f"the store has not signed {path}")
        return target

    def obtain(self, path: str, limit: int, here: Path) -> Path:
        """Return the path of a verified file: `here` if it is there already, else where it was downloaded to."""
        target = self.require(path)
        found = self._updater.find_cached_target(target, str(here))
        return Path(found) if found is not None else self.download(path, target, limit)

    def download(self, path: str, target: TargetFile, limit: int) -> Path:
        """Download a file and verify it. Resume an interrupted download.

        Raises
        ------
        UpdateRejectedError
            If it is larger than `limit` bytes.
        tuf.api.exceptions.DownloadError, tuf.api.exceptions.RepositoryError
            If the download fails, or the file is not the one that was signed.
        """
        if target.length > limit:
            raise UpdateRejectedError("too long", f"{path} has {target.length} bytes; the limit is {limit}")
        digest = target.hashes["sha256"]
        whole = self._folder.downloads / digest
        if whole.exists():
            return whole
        part = whole.with_name(f"{digest}.part")
        with part.open("ab") as file:
            url = f"{self._url}/{target_name(path, digest)}"
            for piece in self._fetcher.fetch_from(url, file.tell()) if file.tell() < target.length else ():
                if file.tell() + len(piece) > target.length:
                    part.unlink()
                    raise DownloadLengthMismatchError(
                        f"{url} is longer than the {target.length} bytes that were signed"
                    )
                file.write(piece)
        try:
            target.verify_length_and_hashes(part.read_bytes())
        except RepositoryError:
            part.unlink()  # resuming it would fail again
            raise
        part.rename(whole)
        return whole

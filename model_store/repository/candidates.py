"""Count the candidates that were judged against a store's stable release.

The gate counts a candidate here before it judges it. The count is in the store, so it includes attempts from other
folders and other machines. Each candidate is one file, so a candidate that is judged again counts once. The files are
not signed: somebody with write access to the storage can hide attempts, but nothing more.
"""

import msgspec

from har.channels import ChannelPointer
from har.process.clock import utc_text
from har.release_documents import require_plain_name
from model_store.repository.storage import Storage

FOLDER = "candidates"


class JudgedCandidate(msgspec.Struct, frozen=True):
    """The record of a judged candidate.

    Attributes
    ----------
    release : str
        Name of the candidate.
    weights : str
        SHA-256 of its trained weights, hexadecimal. Two candidates may have the same name until one is published.
    against : str or None
        Name of the stable release at that time; None if there was none.
    at : str
        Time of the judgement, ISO 8601, UTC.
    """

    release: str
    weights: str
    against: str | None
    at: str


def count_candidate(storage: Storage, release: str, weights: str, *, against: ChannelPointer | None) -> int:
    """Record a candidate; return how many were judged since stable last changed, including this one.

    Parameters
    ----------
    storage : Storage
        The store.
    release : str
        Name of the candidate.
    weights : str
        SHA-256 of its trained weights, hexadecimal.
    against : ChannelPointer or None
        Pointer to the stable release that it is compared with; None if there is none.

    Raises
    ------
    ReleaseError
        If the name is not a plain file name.
    OSError
        If the store cannot be written.
    """
    require_plain_name(release, "a release's name")
    folder = f"{FOLDER}/after-change-{against.number if against is not None else 0}"
    at = utc_text()
    record = JudgedCandidate(release, weights, against.release if against is not None else None, at)
    storage.create(f"{folder}/{release}.{weights}.json", msgspec.json.encode(record) + b"\n")
    return len(storage.names(folder))

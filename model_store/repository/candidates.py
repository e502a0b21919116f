"""How many candidates had their chance to take the place of a store's stable release.

Whoever judges a candidate counts it here first, in the store itself, so that trying again from another folder or on
another machine is counted too. A candidate is a file, which appears once: one that is judged again, after it was cut
short, counts once. The files are not signed; whoever can write to the store's place can hide attempts, and no more.
"""

from datetime import UTC, datetime

import msgspec

from har.channels import ChannelPointer
from har.releases import require_plain_name
from model_store.repository.storage import Storage

FOLDER = "candidates"


class JudgedCandidate(msgspec.Struct, frozen=True):
    """What is kept of a candidate.

    Attributes
    ----------
    release : str
        Its name.
    weights : str
        SHA-256 of its trained weights: another candidate may have the same name as long as neither is published.
    against : str or None
        The release that was stable, None if there was none.
    at : str
        ISO 8601 time, UTC.
    """

    release: str
    weights: str
    against: str | None
    at: str


def count_candidate(storage: Storage, release: str, weights: str, *, against: ChannelPointer | None) -> int:
    """Remember that a candidate is judged, and return how many were, since stable last changed, this one included.

    Parameters
    ----------
    storage : Storage
        The store.
    release : str
        The candidate's name.
    weights : str
        SHA-256 of its trained weights, hexadecimal.
    against : ChannelPointer or None
        What is stable, which it is compared with; None if nothing is.

    Raises
    ------
    ReleaseError
        If the name is no plain one.
    OSError
        If the store cannot be written.
    """
    require_plain_name(release, "a release's name")
    folder = f"{FOLDER}/after-change-{against.number if against is not None else 0}"
    at = datetime.now(UTC).replace(microsecond=0).isoformat()
    kept = JudgedCandidate(release, weights, against.release if against is not None else None, at)
    storage.create(f"{folder}/{release}.{weights}.json", msgspec.json.encode(kept) + b"\n")
    return len(storage.names(folder))

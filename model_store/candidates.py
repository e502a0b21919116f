"""How many candidates had their chance to take the place of a store's current release: ``candidates.jsonl``.

Whoever judges a candidate counts it here first, in the store itself, so that trying again from another folder or on
another machine is counted too. A candidate that is judged again, after it was cut short, counts once.
"""

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from har.line_files import append_line
from model_store.publishing import CANDIDATES, locked, read_records


class JudgedCandidate(msgspec.Struct, frozen=True):
    """A line of the file.

    Attributes
    ----------
    release : str
        The candidate's name.
    weights : str
        SHA-256 of its trained weights: another candidate may have the same name as long as neither is published.
    against : str or None
        The release that was current, None if there was none. It tells the publications apart that candidates are
        counted since, because a name is current only once.
    at : str
        ISO 8601 time, UTC.
    """

    release: str
    weights: str
    against: str | None
    at: str


def count_candidate(store: Path, release: str, weights: str, *, against: str | None) -> int:
    """Remember that a candidate is judged, and return how many were, since the last publication, this one included.

    Parameters
    ----------
    store : Path
        The store; it is made if it does not exist.
    release : str
        The candidate's name.
    weights : str
        SHA-256 of its trained weights.
    against : str or None
        The current release that it is compared with; None if there is none.

    Raises
    ------
    ReleaseError
        If a line of the file cannot be read.
    OSError
        If the store cannot be written.
    """
    store.mkdir(parents=True, exist_ok=True)
    with locked(store):
        counted = {
            (line.release, line.weights)
            for line in read_records(store / CANDIDATES, JudgedCandidate)
            if line.against == against
        }
        if (release, weights) not in counted:
            at = datetime.now(UTC).replace(microsecond=0).isoformat()
            line = JudgedCandidate(release, weights, against, at)
            append_line(store / CANDIDATES, msgspec.json.encode(line), durable=True)
    return len(counted | {(release, weights)})

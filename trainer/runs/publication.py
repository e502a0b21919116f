"""A candidate's way into a store: counted, compared with what is stable there, and published if it is better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from har.channels import MAX_REASON_CHARACTERS, STABLE, Channel
from model_store.release_folder import open_release
from model_store.repository.candidates import count_candidate
from model_store.repository.contents import fetch_release, pointers, release_names
from model_store.repository.publishing import publish
from model_store.repository.signed_state import Signing, read_state
from model_store.repository.signing_keys import Keyring
from model_store.repository.storage import Storage
from trainer.evaluation.validation import ValidationWindows
from trainer.gate.judgement import GateResult, describe
from trainer.gate.releases import gate_release


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where a release goes if it passes the gate.

    Attributes
    ----------
    store : str
        The store's folder or URL.
    online_keys : Path
        Folder of the keys that sign for it unattended.
    channel : {'stable', 'canary'}
        What is to point to it.
    share : float
        Of the devices, for a canary.
    """

    store: str
    online_keys: Path
    channel: Channel = STABLE
    share: float = 0.1


def judge_and_publish(
    release: Path,
    weights: Path,
    held_out: ValidationWindows,
    destination: Destination,
    tell: Callable[[str], None],
) -> GateResult | None:
    """Judge a release, and publish it if it passes.

    Parameters
    ----------
    release : Path
        The candidate's folder; ``gate.json`` is written into it.
    weights : Path
        Its trained weights, which tell it from another candidate of its name.
    held_out : ValidationWindows
        What was held out of its training.
    destination : Destination
        The store.
    tell : callable
        Told what comes of it.

    Returns
    -------
    GateResult or None
        What the gate said; None if an earlier try published it.

    Raises
    ------
    StoreError
        If the store or its keys cannot be used, or another release became stable meanwhile.
    ReleaseError, GateError
        If the candidate or the stable release cannot be judged.
    OSError
        If something cannot be written.
    """
    name = open_release(release).manifest.release
    storage = Storage(destination.store)
    state = read_state(storage)
    if name in release_names(state):
        tell("an earlier try published it")
        return None
    stable = pointers(storage, state).get(STABLE)
    # Counted before it is judged: nobody learns of a chance that is not counted.
    attempts = count_candidate(storage, name, sha256(weights.read_bytes()).hexdigest(), against=stable)
    with TemporaryDirectory(prefix="har-stable-") as folder:
        current = None
        if stable is not None and stable.release is not None:
            current = fetch_release(storage, state, stable.release, Path(folder)).folder
        result = gate_release(release, current, held_out, attempts=attempts)
    tell(describe(result))
    if not result.passed:
        tell("not published")
        return result
    pointer = publish(
        storage,
        Signing(Keyring(destination.online_keys)),
        release,
        channel=destination.channel,
        share=destination.share,
        reason=result.reason[:MAX_REASON_CHARACTERS],
        replacing=result.current,
    )
    tell(f"published: {pointer.release} is {pointer.channel} in {destination.store} (change {pointer.number})")
    return result

"""Publish a candidate: count it in the store, compare it with the stable release, and publish it if it is better."""

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
from model_store.repository.errors import StoreError
from model_store.repository.publishing import publish
from model_store.repository.roles import DELEGATED, ONLINE
from model_store.repository.signed_state import Signing, read_state, signers_of
from model_store.repository.signing_keys import Keyring
from model_store.repository.storage import Storage
from trainer.evaluation.validation import ValidationWindows
from trainer.gate.judgement import GateResult, describe
from trainer.gate.releases import gate_release


@dataclass(frozen=True, kw_only=True)
class Destination:
    """The store and channel of a release that passes the gate.

    Attributes
    ----------
    store : str
        Folder or URL of the store.
    online_keys : Path
        Folder of the online keys that sign for the store.
    channel : {'stable', 'canary'}
        Channel that the release is published to.
    share : float
        Share of the devices that get a canary.
    """

    store: str
    online_keys: Path
    channel: Channel = STABLE
    share: float = 0.1


def require_store(destination: Destination) -> None:
    """Raise if a store cannot be used, before a release for it is trained.

    Raises
    ------
    StoreError
        If the store cannot be read, or a key that signs for it is missing.
    """
    try:
        state = read_state(Storage(destination.store))
        for role in ONLINE:
            delegator = state.targets.signed if role in DELEGATED else state.root.signed
            signers_of(Signing(Keyring(destination.online_keys)), delegator, role)
    except StoreError:
        raise
    except Exception as error:  # the clients of object storage have exceptions of their own
        raise StoreError(f"{destination.store} cannot be read: {error}") from error


def judge_and_publish(
    release: Path,
    weights: Path,
    held_out: ValidationWindows,
    destination: Destination,
    report: Callable[[str], None],
) -> GateResult | None:
    """Judge a release, and publish it if it passes.

    Parameters
    ----------
    release : Path
        Folder of the candidate; ``gate.json`` is written into it.
    weights : Path
        File of the trained weights, which distinguish candidates of the same name.
    held_out : ValidationWindows
        Windows held out of the candidate's training.
    destination : Destination
        The store and channel.
    report : callable
        Receives messages about the result.

    Returns
    -------
    GateResult or None
        Result of the gate; None if an earlier attempt already published the release.

    Raises
    ------
    StoreError
        If the store or its keys cannot be used, or another release became stable in the meantime.
    ReleaseError, GateError
        If the candidate or the stable release cannot be judged.
    OSError
        If a file cannot be written.
    """
    name = open_release(release).manifest.release
    storage = Storage(destination.store)
    state = read_state(storage)
    if name in release_names(state):
        report("an earlier attempt already published the release")
        return None
    stable = pointers(storage, state).get(STABLE)
    # Count before judging, so that no attempt stays uncounted.
    attempts = count_candidate(storage, name, sha256(weights.read_bytes()).hexdigest(), against=stable)
    with TemporaryDirectory(prefix="har-stable-") as folder:
        current = None
        if stable is not None and stable.release is not None:
            current = fetch_release(storage, state, stable.release, Path(folder)).folder
        result = gate_release(release, current, held_out, attempts=attempts)
    report(describe(result))
    if not result.passed:
        report("not published")
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
    report(f"published: {pointer.release} is {pointer.channel} in {destination.store} (change {pointer.number})")
    return result

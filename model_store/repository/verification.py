"""Verify a whole store: all signatures, their expiry, and the presence and hash of every file."""

from dataclasses import dataclass, field

from har.process.clock import utc_now
from har.release_documents import ReleaseError
from model_store.layout import TARGETS_FOLDER, target_name
from model_store.release_folder import MAX_ARTIFACT_BYTES
from model_store.repository.contents import (
    files_of,
    history,
    pointers,
    read_manifest,
    read_target,
    release_names,
)
from model_store.repository.personal_heads import read_head, read_index
from model_store.repository.refreshing import expiries
from model_store.repository.signed_state import SignedState, read_state
from model_store.repository.storage import Storage


@dataclass
class StoreFindings:
    """The result of verifying a store.

    Attributes
    ----------
    faults : list of str
        Faults because of which clients would reject something.
    notes : list of str
        Harmless findings.
    releases : list of str
        Names of the releases that were checked.
    channels : dict of str to str
        The release of each channel, or ``no release``.
    personal_heads : int
        Number of personal heads that were checked.
    """

    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    releases: list[str] = field(default_factory=list)
    channels: dict[str, str] = field(default_factory=dict)
    personal_heads: int = 0


def verify_store(storage: Storage) -> StoreFindings:
    """Check every signature, every expiry and the hash of every signed file.

    Raises
    ------
    OSError
        If the storage fails.
    """
    findings = StoreFindings()
    try:
        state = read_state(storage)
    except ReleaseError as error:
        findings.faults.append(str(error))
        return findings
    now = utc_now()
    findings.faults += [
        f"the signature of {role} expired at {until.isoformat()}"
        for role, until in expiries(state).items()
        if until <= now
    ]
    _check_releases(storage, state, findings)
    _check_channels(storage, state, findings)
    _check_personal_heads(storage, state, findings)
    _find_leftovers(storage, state, findings)
    return findings


def _check_releases(storage: Storage, state: SignedState, findings: StoreFindings) -> None:
    for path, target in state.releases.signed.targets.items():
        try:
            read_target(storage, path, target, MAX_ARTIFACT_BYTES)
        except ReleaseError as error:
            findings.faults.append(str(error))
    for release in release_names(state):
        try:
            manifest = read_manifest(storage, state, release)
            files = {file.name: file for file in files_of(state, release)}
        except ReleaseError as error:
            findings.faults.append(f"{release}: {error}")
            continue
        findings.releases.append(release)
        for artifact in manifest.artifacts:
            file = files.get(artifact.name)
            if file is None or (file.sha256, file.bytes) != (artifact.sha256, artifact.bytes):
                findings.faults.append(f"{release}: {artifact.name} differs from its manifest")


def _check_channels(storage: Storage, state: SignedState, findings: StoreFindings) -> None:
    try:
        for channel, pointer in pointers(storage, state).items():
            findings.channels[channel] = pointer.release or "no release"
            if pointer.release is not None and pointer.release not in release_names(state):
                findings.faults.append(f"{channel} points to {pointer.release}, which the store does not have")
        history(storage, state)
    except ReleaseError as error:
        findings.faults.append(str(error))


def _check_personal_heads(storage: Storage, state: SignedState, findings: StoreFindings) -> None:
    try:
        entries = read_index(storage, state).heads
    except ReleaseError as error:
        findings.faults.append(str(error))
        return
    for entry in entries:
        try:
            read_head(storage, state, entry)
        except ReleaseError as error:
            findings.faults.append(str(error))
        else:
            findings.personal_heads += 1


def _find_leftovers(storage: Storage, state: SignedState, findings: StoreFindings) -> None:
    known = {
        target_name(path, target.hashes["sha256"])
        for path, target in (state.releases.signed.targets | state.channels.signed.targets).items()
    }
    releases = [name for name in storage.all_names(TARGETS_FOLDER) if name.startswith(f"{TARGETS_FOLDER}/releases/")]
    leftovers = [name for name in releases if name not in known]
    if leftovers:
        findings.notes.append(f"{len(leftovers)} file(s) in no signed metadata, as after an interrupted publication")

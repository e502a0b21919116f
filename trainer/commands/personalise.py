"""`har personalise`: make a personal head from what a wearer labelled, and publish it for the wearer's device."""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from har.channels import channel_of
from har.personal_fitting import PersonalisationError
from har.personal_head import HeldBack, PersonalHead
from har.process.ending import NOT_REACHED, REACHED, report_failure
from har.recordings import RecordingError
from har.release_documents import ReleaseError
from har.time_units import MICROSECONDS
from model_store.onnx_classifier import OnnxClassifier
from model_store.repository.contents import fetch_release, pointers
from model_store.repository.errors import StoreError
from model_store.repository.personal_heads import publish_head
from model_store.repository.signed_state import Signing, read_state
from model_store.repository.signing_keys import Keyring
from model_store.repository.storage import Storage
from recording_files.checking import status_of
from trainer.personal_settings import PersonaliseSettings
from trainer.personalisation import LabelledData, counted, fitted_head, labelled_data


class Personalisation(msgspec.Struct, frozen=True, kw_only=True):
    """What `har personalise` did, for `--json`.

    Attributes
    ----------
    device, release : str
        The device, and the release whose answers its head corrects.
    number : int or None
        Number of the published head; None if none was published.
    effective : int or None
        Arrival time at the gateway from which it applies in the stream, µs since the epoch.
    seconds : dict of str to float
        By activity: labelled time that it was made from, s.
    not_labelled : list of str
        The release's classes with too little labelled time, or none: the head may answer them worse than before.
    held_back : HeldBack
        Result on labelled seconds that were held back.
    left_out : dict of str to int
        Number of labelled windows that were not used, by reason.
    """

    device: str
    release: str
    number: int | None
    effective: int | None
    seconds: dict[str, float]
    not_labelled: list[str]
    held_back: HeldBack
    left_out: dict[str, int]


def run(settings: PersonaliseSettings) -> int:
    """Make a head and publish it; return the exit status."""
    try:
        storage = Storage(settings.store)
        classifier = _classifier_of(storage, settings.device)
        data = labelled_data(settings.archive, settings.device, classifier)
        head = fitted_head(settings.device, data, classifier.manifest)
        if not settings.dry_run:
            head = publish_head(storage, Signing(Keyring(settings.online_keys)), head)
    except RecordingError as error:
        report_failure("har personalise", error)
        return status_of(error)
    except (PersonalisationError, ReleaseError, OSError) as error:
        report_failure("har personalise", error)
        return NOT_REACHED
    done = _result(head, data, is_published=not settings.dry_run)
    if settings.json_output:
        print(msgspec.json.format(msgspec.json.encode(done), indent=2).decode())
    else:
        print(describe(done))
    return REACHED


def describe(done: Personalisation) -> str:
    """Return the result as text for a terminal."""
    if done.number is None or done.effective is None:
        title = f"{done.device}: a personal head for {done.release} can be made; nothing was published"
    else:
        begins = datetime.fromtimestamp(done.effective / MICROSECONDS, UTC)
        title = (
            f"{done.device}: published personal head {done.number} for {done.release}, in effect from {begins:%X} UTC"
        )
    seconds = ", ".join(f"{label} {covered:.0f} s" for label, covered in done.seconds.items())
    held = done.held_back
    lines = [
        title,
        f"  made from   {seconds}",
        f"  held back   {held.windows} windows: {held.right_before:.0%} right without the head, "
        f"{held.right_after:.0%} with it (mean over the activities)",
    ]
    if done.not_labelled:
        lines.append(f"  not labelled {', '.join(done.not_labelled)}: the head may answer these worse than before")
    if done.left_out:
        lines.append(f"  left out    {counted(done.left_out)}")
    return "\n".join(lines)


def _classifier_of(storage: Storage, device: str) -> OnnxClassifier:
    """Open the release that the device's channel points to."""
    state = read_state(storage)
    found = pointers(storage, state)
    pointer = found.get(channel_of(device, found))
    if pointer is None or pointer.release is None:
        raise StoreError(f"{storage.url} has no release for {device} yet: publish one first")
    with TemporaryDirectory(prefix="har-personalise-") as folder:
        return OnnxClassifier(fetch_release(storage, state, pointer.release, Path(folder)))


def _result(head: PersonalHead, data: LabelledData, *, is_published: bool) -> Personalisation:
    return Personalisation(
        device=head.device,
        release=head.release,
        number=head.number if is_published else None,
        effective=head.effective if is_published else None,
        seconds=head.seconds,
        not_labelled=[name for name in head.outputs[: head.classes] if name not in head.seconds],
        held_back=head.held_back,
        left_out=data.left_out,
    )

"""The labelled windows of one device in an archive, classified by a release, and the personal head fitted to them."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from har.activity_names import NULL_LABEL, listed, named_class
from har.personal_fitting import (
    LEAST_ACTIVITIES,
    LEAST_SECONDS,
    LabelledWindow,
    PersonalisationError,
    covered_seconds,
    fit_head,
)
from har.personal_head import PersonalHead
from har.recordings import Recording, RecordingError, window_labels
from har.releases import ReleaseManifest
from har.upright import gravity_of
from har.windowing import recording_windows
from model_store.release_classifier import ReleaseClassifier
from recording_files.formats.collected import CollectedSource
from recording_files.loading import recordings_in
from recording_files.table import Part

#: Stands for the label of windows whose readings have more than one label.
MIXED = "(more than one label)"
WINDOWS_PER_CALL = 256


@dataclass(frozen=True)
class LabelledData:
    """What a wearer labelled, as a release sees it.

    Attributes
    ----------
    windows : list of LabelledWindow
        The windows that a head can be fitted to.
    seconds : dict of str to float
        By class: the time that they cover, s.
    left_out : dict of str to int
        Number of the other windows with a label, by why they are left out: a label that is no class of the release, or
        a reason why their readings tell too little (`har.signal_quality.Reason`).
    """

    windows: list[LabelledWindow]
    seconds: dict[str, float]
    left_out: dict[str, int]


def labelled_data(archive: Path, device: str, classifier: ReleaseClassifier) -> LabelledData:
    """Read and classify the labelled windows of a device. They are cut as in the stream.

    Parameters
    ----------
    archive : Path
        Folder of the archive.
    device : str
        Name of the device.
    classifier : ReleaseClassifier
        The release.

    Raises
    ------
    RecordingError
        If the archive cannot be read, or has no labelled readings of the device.
    """
    windows: list[LabelledWindow] = []
    left_out: Counter[str] = Counter()
    for recording in _recordings(archive, device):
        windows += _classified(recording, classifier, left_out)
    length_us = classifier.manifest.window_spec.length_us
    by_label: dict[str, list[LabelledWindow]] = {}
    for window in windows:
        by_label.setdefault(window.label, []).append(window)
    seconds = {label: covered_seconds(by_label[label], length_us) for label in sorted(by_label)}
    return LabelledData(windows, seconds, dict(sorted(left_out.items())))


def fitted_head(device: str, data: LabelledData, manifest: ReleaseManifest) -> PersonalHead:
    """Fit a head to labelled windows. Its number and its times are those that a store replaces.

    Raises
    ------
    PersonalisationError
        If there is too little labelled time, or the head would not answer better. It says what to label.
    """
    try:
        length_us, classes = manifest.window_spec.length_us, len(manifest.classes)
        found = fit_head(data.windows, manifest.outputs, classes=classes, length_us=length_us)
    except PersonalisationError as error:
        left_out = f". Left out were {counted(data.left_out)}" if data.left_out else ""
        raise PersonalisationError(f"{error}{left_out}. {advice(data, manifest)}") from error
    return found.of(device, manifest.release, manifest.outputs, len(manifest.classes))


def advice(data: LabelledData, manifest: ReleaseManifest) -> str:
    """Return what the wearer can do if no head was made, in a sentence."""
    enough = [label for label, seconds in data.seconds.items() if seconds >= LEAST_SECONDS]
    short = {label: LEAST_SECONDS - seconds for label, seconds in data.seconds.items() if label not in enough}
    if len(enough) < LEAST_ACTIVITIES and short:
        missing = ", ".join(f"{label} for {seconds:.0f} s more" for label, seconds in short.items())
        return f"Label {missing}. The first and last second of a label count only in part"
    if len(enough) < LEAST_ACTIVITIES:
        others = listed([name for name in manifest.classes if name not in enough], most=8)
        return f"Label {LEAST_SECONDS:g} s or more of another activity: {others}"
    return "Label more of each activity, with the phone worn as usual, and withdraw labels that were wrong"


def counted(left_out: Mapping[str, int]) -> str:
    """Return how many windows were left out, by reason, as text.

    Examples
    --------
    >>> counted({"bike": 3, "sparse": 12})
    '3 windows bike, 12 windows sparse'
    """
    return ", ".join(f"{count} windows {name}" for name, count in left_out.items())


def _recordings(archive: Path, device: str) -> list[Recording]:
    if not archive.exists():
        raise RecordingError(f"there is no archive at {archive}; name its folder with --archive")
    found = list(_labelled_parts(CollectedSource(archive), device))
    if not found:
        raise RecordingError(
            f"{archive} has no labelled readings of {device}: label on the phone page or the dashboard while it sends"
        )
    return recordings_in(found, archive)


def _labelled_parts(source: CollectedSource, device: str) -> Iterator[Part]:
    for part in source.parts():
        own = Part(part.table.filter(pc.equal(part.table["device"], pa.scalar(device))), part.file)
        labelled = own.without(NULL_LABEL).finite()
        if len(labelled):
            yield labelled


def _classified(
    recording: Recording, classifier: ReleaseClassifier, left_out: Counter[str]
) -> Iterator[LabelledWindow]:
    manifest = classifier.manifest
    windows = recording_windows(recording.times, recording.axes, manifest.window_spec)
    labels = window_labels(recording, windows.starts, manifest.window_spec)
    usable: list[tuple[int, str]] = []
    for row, (label, reason) in enumerate(zip(labels, windows.reasons(manifest.signal_bounds), strict=True)):
        name = MIXED if label is None else named_class(label, manifest.classes)
        if name not in manifest.classes:
            left_out[name] += 1
        elif reason is not None:
            left_out[reason] += 1
        else:
            usable.append((row, name))
    for begin in range(0, len(usable), WINDOWS_PER_CALL):
        some = usable[begin : begin + WINDOWS_PER_CALL]
        values = windows.values[np.array([row for row, _ in some])]
        for (row, name), probabilities in zip(some, classifier.probabilities(values).tolist(), strict=True):
            start = int(windows.starts[row])
            yield LabelledWindow(
                f"{recording.user}/{recording.session}", start, name, probabilities, gravity_of(windows.values[row])
            )

"""The Python door: `har.load`, `har.read` and `har.windows`. See docs/api.md."""

from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from classify.checked import naming_arguments, seen_by, warn_of
from classify.classifier import Classifier, frame_of
from classify.data import ArrayTimes, ColumnStatements, Readings, source_of
from classify.releases import StoreAccess, open_classifier
from har.process.settings import DEFAULT_TRUSTED_ROOT
from har.recordings import window_labels
from har.signal_quality import TRAINED
from har.windowing import WindowSpec, recording_windows
from model_store.release_folder import BASELINE
from recording_files import SCHEMA, Source
from recording_files.checking import DataSetCheck
from recording_files.checking.strictness import checked_parts
from recording_files.loading import recordings_in


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of recordings, cut as the stream cuts them.

    Attributes
    ----------
    values : ndarray of float32, shape (n, steps, 3)
        m/s², gravity included.
    table : DataFrame
        A row for each window: `user`, `device`, `session`, `start_us` (µs), and `label`, the activity that all of its
        readings share; None where they differ.
    """

    values: NDArray[np.float32]
    table: pd.DataFrame

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.values)


def load(
    release: str | Path = BASELINE,
    *,
    trusted_root: str | Path = DEFAULT_TRUSTED_ROOT,
    token: str | None = None,
    folder: str | Path = StoreAccess.folder,
) -> Classifier:
    """Open a release; its files and its golden window are checked.

    Parameters
    ----------
    release : str or Path
        ``"baseline"`` or ``"baseline-open"`` for a shipped release, the folder of a release, or the URL of a store
        (`har store serve`), whose stable release is fetched and whose signatures are verified.
    trusted_root : str or Path
        For a store: the file with its root metadata, obtained over a trusted channel.
    token : str, optional
        For a store: the token for reading, if it needs one.
    folder : str or Path
        For a store: the folder that keeps its releases.

    Raises
    ------
    ReleaseError
        If there is no such release, or it cannot be verified, loaded or passed as good.

    Examples
    --------
    >>> load("baseline").classes
    ['sit', 'stand', 'walk', 'stairsup', 'stairsdown', 'jog', 'lie']
    """
    with naming_arguments():
        return Classifier(open_classifier(release, StoreAccess(Path(trusted_root), token, Path(folder))))


def read(data: Readings, times: ArrayTimes | None = None, **stated: Unpack[ColumnStatements]) -> pd.DataFrame:
    """Read recordings of any known format as one table in the project's columns.

    Whatever is wrong with them is a `RecordingWarning`.

    Parameters
    ----------
    data, times, **stated
        See `Classifier.predict`.

    Returns
    -------
    DataFrame
        A row for each reading: `user`, `device`, `model`, `session` (categories), `t` (int64, µs), `x`, `y`, `z`
        (float32, m/s², gravity included, Android's signs), and `gt`, the label (category). `DataFrame.attrs` has
        what was understood (`"understood"`) and left out (`"remarks"`).

    Raises
    ------
    RecordingError
        If it cannot be read or understood.
    """
    with naming_arguments():
        source = source_of(data, times, **stated)
        checked = DataSetCheck(source.rate_hz, bounds=TRAINED)
        tables = [part.table for part in seen_by(checked, source.parts())]
    table = pa.concat_tables(tables).unify_dictionaries() if tables else SCHEMA.empty_table()
    frame = table.to_pandas()
    frame.attrs["understood"] = source.understood()
    frame.attrs["remarks"] = source.remarks()
    warn_of(checked.findings(), source.path, force=True)
    return frame


def windows(
    data: Readings | Source,
    times: ArrayTimes | None = None,
    *,
    spec: WindowSpec | None = None,
    **stated: Unpack[ColumnStatements],
) -> Windows:
    """Cut all windows of recordings. Whatever is wrong with them is a `RecordingWarning`.

    Parameters
    ----------
    data, times, **stated
        See `Classifier.predict`.
    spec : WindowSpec, optional
        How windows are cut; by default 200 steps at 50 Hz, every second. ``load(…).manifest.window_spec`` is a
        release's.

    Raises
    ------
    RecordingError
        If a recording cannot be read or understood, or a reading is not finite.

    Examples
    --------
    >>> lying = np.random.default_rng(0).normal([0, 0, 9.81], 0.05, (500, 3))  # 10 s of a phone that lies still, m/s²
    >>> windows(lying, rate_hz=50).values.shape
    (5, 200, 3)
    """
    spec = spec or WindowSpec()
    values, rows = [np.empty((0, spec.steps, 3), np.float32)], []
    with naming_arguments():
        source = source_of(data, times, **stated)
        checked = DataSetCheck(source.rate_hz, spec, TRAINED, in_order=False)
        recordings = recordings_in(seen_by(checked, checked_parts(source)), source.path)
    warn_of(checked.findings(), source.path, force=True)
    for recording in recordings:
        found = recording_windows(recording.times, recording.axes, spec)
        labels = window_labels(recording, found.starts, spec)
        who = {"user": recording.user, "device": recording.device, "session": recording.session}
        rows += [
            who | {"start_us": start, "label": label}
            for start, label in zip(found.starts.tolist(), labels, strict=True)
        ]
        values.append(found.values)
    return Windows(np.concatenate(values), frame_of(rows, ["user", "device", "session", "start_us", "label"]))

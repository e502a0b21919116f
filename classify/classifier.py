"""An opened release that classifies recordings of any kind; `har.load` opens one."""

from collections.abc import Iterable
from pathlib import Path
from typing import Unpack

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from classify.answers import BATCH_WINDOWS, answers
from classify.checked import naming_arguments, seen_by, warn_of
from classify.data import ArrayTimes, ColumnStatements, Readings, column_fields, in_metres, require_only, source_of
from classify.output import columns, row_of
from classify.windows import DataSetWindows
from har.decisions import decide
from har.recordings import RecordingError
from har.releases import ReleaseManifest
from model_store.release_classifier import ReleaseClassifier
from recording_files import Source
from recording_files.checking import DataSetCheck, Finding, Weight
from recording_files.checking.gravity import GravityMeter


class Classifier:
    """A release that classifies recordings. `har.load` opens one.

    Parameters
    ----------
    network : ReleaseClassifier
        The opened release.
    """

    def __init__(self, network: ReleaseClassifier) -> None:
        self.network = network

    def __repr__(self) -> str:
        return f"<Classifier {self.manifest.release}: {', '.join(self.classes)}>"

    @property
    def manifest(self) -> ReleaseManifest:
        """The release's manifest."""
        return self.network.manifest

    @property
    def classes(self) -> list[str]:
        """The activities that it can name, in the order of its outputs."""
        return list(self.manifest.classes)

    def predict(
        self,
        data: Readings | Source,
        times: ArrayTimes | None = None,
        *,
        force: bool = False,
        **stated: Unpack[ColumnStatements],
    ) -> pd.DataFrame:
        """Classify the windows of a recording, or windows that are cut already.

        The recording is checked as `har classify` checks it. What may make answers bad is a `RecordingWarning`.

        Parameters
        ----------
        data : str, Path, DataFrame or ndarray
            The path of a file or folder; a data frame with a row for each reading; or an array of readings, shape
            ``(n, 3)``, or of windows, shape ``(n, steps, 3)``, at the release's rate. m/s² with gravity, unless the
            columns, their values or `unit` say otherwise. An array is always taken for m/s² unless `unit` says so.
        times : array-like of shape (n,), optional
            Event times of an array of readings: µs as integers, seconds as floating point, or datetime64.
        force : bool
            Whether to answer even if a finding makes answers meaningless.
        **stated
            See `classify.data.ColumnStatements`: `time`, `x`, `unit`, `rate_hz`, …

        Returns
        -------
        DataFrame
            A row for each window, session by session, in the columns of the table that `har classify` writes: `file`
            (empty for data in memory), `user`, `device`, `session`, `start` (ISO 8601, or seconds from the beginning of
            the session), `start_us` (µs, the recording's own clock), `activity`, `confidence`, `reason`, `kind` (of
            background, such as ``table``), and `p_CLASS` for each class. For windows that are cut already, only the
            columns from `activity` on.

        Raises
        ------
        RecordingError
            If the recording cannot be read or understood, or something about it makes answers meaningless.
        """
        with naming_arguments():
            if isinstance(data, np.ndarray) and data.ndim == 3:
                return self._of_windows(data, times, force, stated)
            return self._of_readings(data, times, force, stated)

    def probabilities(self, windows: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the probability of each class for windows.

        Parameters
        ----------
        windows : ndarray of float, shape (n, steps, 3)
            m/s², gravity included.

        Returns
        -------
        ndarray of float32, shape (n, classes)
            Columns are in the order of `classes`. A row sums to 1 if the release knows no kinds of background;
            otherwise the rest is theirs (see `output_probabilities`).

        Raises
        ------
        RecordingError
            If the shape is wrong or a value is not finite.
        """
        return self.output_probabilities(windows)[:, : len(self.classes)]

    def output_probabilities(self, windows: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the probability of each class and each kind of background for windows.

        Parameters
        ----------
        windows : ndarray of float, shape (n, steps, 3)
            m/s², gravity included.

        Returns
        -------
        ndarray of float32, shape (n, outputs)
            Rows sum to 1; columns are in the order of the manifest's `outputs`: the classes, then the kinds.

        Raises
        ------
        RecordingError
            If the shape is wrong or a value is not finite.
        """
        if windows.ndim != 3 or windows.shape[1:] != (self.manifest.steps, 3):
            raise RecordingError(
                f"windows for {self.manifest.release} have the shape (n, {self.manifest.steps}, 3), not {windows.shape}"
            )
        broken = ~np.isfinite(windows).all(axis=(1, 2))
        if broken.any():
            first = int(broken.argmax())
            raise RecordingError(f"{int(broken.sum())} window(s) hold NaN or infinity, first window {first}")
        pieces = range(0, len(windows), BATCH_WINDOWS)
        of_pieces = [self.network.probabilities(windows[at : at + BATCH_WINDOWS].astype(np.float32)) for at in pieces]
        return np.concatenate(of_pieces) if of_pieces else np.empty((0, len(self.manifest.outputs)), np.float32)

    def _of_readings(
        self, data: Readings | Source, times: ArrayTimes | None, force: bool, stated: ColumnStatements
    ) -> pd.DataFrame:
        source, spec = source_of(data, times, **stated), self.manifest.window_spec
        checked = DataSetCheck(source.rate_hz, spec, self.manifest.signal_bounds)
        windows = DataSetWindows(spec)
        found = list(answers(windows.cut(seen_by(checked, source.parts())), self.network))
        places = {cut.session: place for place, cut in enumerate(windows.sessions)}  # in order of first appearance
        found.sort(key=lambda answer: (places[answer.session], answer.prediction.start))
        of_file = {} if isinstance(data, str | Path | Source) else {"file": ""}
        frame = frame_of((row_of(answer) | of_file for answer in found), columns(self.classes))
        warn_of(checked.findings(), source.path, force=force)
        return frame

    def _of_windows(
        self, windows: NDArray[np.floating], times: ArrayTimes | None, force: bool, stated: ColumnStatements
    ) -> pd.DataFrame:
        require_only(stated, {"unit", "signs"}, "windows that are cut already")
        if times is not None:
            raise RecordingError("windows that are cut already take no times=")
        windows = in_metres(windows, column_fields(**stated).columns())
        all_probabilities = self.output_probabilities(windows).tolist()
        warn_of(unit_findings(windows, self.manifest), Path("windows"), force=force)
        rows = []
        for probabilities in all_probabilities:
            by_class = dict(zip(self.classes, probabilities[: len(self.classes)], strict=True))
            background = dict(zip(self.manifest.kinds, probabilities[len(self.classes) :], strict=True))
            activity, confidence, kind = decide(by_class, self.manifest.thresholds, background)
            named = {f"p_{name}": probability for name, probability in by_class.items()}
            answer = {"activity": activity, "confidence": confidence, "reason": "", "kind": kind or "", "lean": None}
            rows.append(answer | named)
        names = columns(self.classes)
        return frame_of(rows, names[names.index("activity") :])


def unit_findings(windows: NDArray[np.floating], manifest: ReleaseManifest) -> list[Finding]:
    """Return that windows are not m/s² with gravity, if their means show it.

    Parameters
    ----------
    windows : ndarray of float, shape (n, steps, 3)
        All finite.
    manifest : ReleaseManifest
        The release that they are for.
    """
    if not len(windows):
        return []
    meter = GravityMeter()
    axes = windows.reshape(-1, 3).astype(np.float32)
    meter.add(np.arange(len(axes)) * manifest.window_spec.period_us, axes)
    fault = meter.fault()
    return [] if fault is None else [Finding(Weight.STOPS, fault, remedy="multiply them to be m/s², or state unit=")]


def frame_of(rows: Iterable[dict[str, object]], names: list[str]) -> pd.DataFrame:
    """Return a data frame of rows whose columns have their types even if there is no row."""
    kinds = {name: "float64" if name in ("confidence", "lean") or name.startswith("p_") else "object" for name in names}
    if "start_us" in kinds:
        kinds["start_us"] = "int64"
    return pd.DataFrame.from_records(list(rows), columns=names).astype(kinds)

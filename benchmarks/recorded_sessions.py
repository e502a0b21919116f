"""Recordings as sessions of classified windows, in the order in which a wearer might have lived them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from har.recordings import Recording, window_labels
from har.time_units import MICROSECONDS
from har.windowing import WindowSpec, recording_windows
from trainer.commands.baseline import CLASSES
from trainer.commands.cross_validate import network_trainer, pool_spec_of, with_chosen_outputs
from trainer.evaluation import protocols
from trainer.evaluation.pools import make_pools
from trainer.evaluation.recordings_to_test import EvaluationData
from trainer.fitting.fit_settings import FitSettings
from trainer.preparation.wearers import wearers_of
from trainer.request import TrainRequest

#: Time between two parts that are joined, µs.
PAUSE_US = 10 * MICROSECONDS

Classify = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Session:
    """Windows of one person: starts (µs), values (m/s²), labels ("" for none) and the probabilities of `CLASSES`."""

    person: str
    starts: NDArray[np.int64]
    values: NDArray[np.float32]
    labels: NDArray[np.str_]
    probabilities: NDArray[np.float32]

    def part(self, rows: slice) -> "Session":
        """Return some of the windows."""
        kept = (each[rows] for each in (self.starts, self.values, self.labels, self.probabilities))
        return Session(self.person, *kept)  # type: ignore[arg-type]

    @property
    def truth(self) -> NDArray[np.int64]:
        """Index of each window's class; -1 for none."""
        return np.array([CLASSES.index(name) if name in CLASSES else -1 for name in self.labels.tolist()])


def joined(parts: Sequence[Session]) -> Session:
    """Return the parts as one session, one after another."""
    starts, end = [], MICROSECONDS
    for part in parts:
        starts.append(part.starts - part.starts[0] + end)
        end = int(starts[-1][-1]) + PAUSE_US
    columns = [
        np.concatenate([getattr(part, name) for part in parts]) for name in ("values", "labels", "probabilities")
    ]
    return Session(parts[0].person, np.concatenate(starts), *columns)


def walking_first(session: Session) -> Session:
    """Return the session as that of a wearer who walked before."""
    labelled = np.flatnonzero(session.truth >= 0)
    walking = np.flatnonzero(session.labels == "walk")
    if not len(walking) or not walking[0]:
        return session
    return joined([session.part(slice(walking[0], labelled[-1] + 1)), session.part(slice(0, walking[0]))])


def session_of(recording: Recording, spec: WindowSpec, classify: Classify) -> Session | None:
    """Cut and classify a recording; None if it has no window."""
    windows = recording_windows(recording.times, recording.axes, spec)
    if not len(windows.starts):
        return None
    labels = np.array([name or "" for name in window_labels(recording, windows.starts, spec)])
    return Session(recording.person, windows.starts, windows.values, labels, of_classes(classify, windows.values))


def of_classes(classify: Classify, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities of the classes, without those of kinds of background."""
    return classify(values)[:, : len(CLASSES)]


def sessions_of(recordings: Sequence[Recording], networks: dict[str, Classify], *, by_person: bool) -> list[Session]:
    """Cut and classify recordings into sessions, in the order in which they were recorded."""
    spec = WindowSpec()
    made = [session_of(recording, spec, networks[recording.person]) for recording in recordings]
    sessions = [session for session in made if session is not None]
    if not by_person:
        return sessions
    people: dict[str, list[Session]] = {}
    for session in sorted(sessions, key=lambda each: -int((each.labels == "walk").sum())):
        people.setdefault(session.person, []).append(session)
    return [joined(of) for of in people.values()]


def folds_of(recordings: Sequence[Recording], count: int, epochs: int) -> dict[str, Classify]:
    """Train a network for each fold of people; return for each person the one that was not trained on them."""
    wearers = wearers_of([[recording.person for recording in recordings]])
    data = EvaluationData([*recordings], wearers, sorted(wearers), [])
    request = with_chosen_outputs(TrainRequest(classes=CLASSES, fit=FitSettings(epochs=epochs)), data)
    pools = make_pools(data.recordings, pool_spec_of(request, data))
    networks: dict[str, Classify] = {}
    for fold in protocols.by_user(pools, count).folds:
        network = network_trainer(request)(pools.train.take(fold.train))
        networks |= dict.fromkeys(pools.measured.people[fold.test].tolist(), network)
    return networks

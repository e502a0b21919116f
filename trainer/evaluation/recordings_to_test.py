"""The recordings that cross-validation may use: everybody's but those of the reserved test users."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from har.recordings import Recording, RecordingError, device_of
from recording_files.checking import Inspection
from recording_files.data_sets import placement_of
from recording_files.loading import load_recordings, reject_repeated_recordings
from trainer.preparation.plan import TEST, split_of_people
from trainer.preparation.wearers import Wearers, wearers_of


@dataclass(frozen=True)
class EvaluationData:
    """Recordings that a protocol may use, and their wearers.

    Attributes
    ----------
    recordings : list of Recording
        All recordings except those of reserved test users.
    wearers : dict of str to str
        Wearer of each person (``device/user``).
    tested : list of str
        Persons that may be tested.
    reserved : list of str
        Reserved test users in the data, who are excluded.
    """

    recordings: list[Recording]
    wearers: Wearers
    tested: list[str]
    reserved: list[str]


def read_evaluation_data(
    data: Sequence[Path | str],
    *,
    placement: str | None = None,
    devices: str | None = None,
    inspection: Inspection | None = None,
) -> EvaluationData:
    """Read recordings, and exclude the reserved test users.

    Raises
    ------
    RecordingError
        If a data set cannot be read, or nobody is left to test.
    """
    sources = [load_recordings([path], inspection) for path in data]
    reject_repeated_recordings(zip(data, sources, strict=True))
    wearers = wearers_of([[recording.person for recording in recordings] for recordings in sources])
    splits = split_of_people(wearers, 0.0)
    people = [person for person, split in splits.items() if split != TEST]
    named = None if devices is None else {name.strip() for name in devices.split(",")}
    tested = [
        person
        for person in people
        if placement in (None, placement_of(person)) and (named is None or device_of(person) in named)
    ]
    if not tested:
        available = (
            ", ".join(sorted({f"{placement_of(person)} ({device_of(person)})" for person in people})) or "nobody"
        )
        raise RecordingError(f"nobody to test with that placement or device; available: {available}")
    return EvaluationData(
        [recording for recordings in sources for recording in recordings if splits[recording.person] != TEST],
        wearers,
        tested,
        sorted(set(splits) - set(people)),
    )

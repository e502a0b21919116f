"""The known data sets: source, licence, placement of the phone, and known weaknesses."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from har.recordings import device_of
from har.releases import TrainingData


@dataclass(frozen=True)
class DataSet:
    """A known data set, identified by the device names in its tables.

    Attributes
    ----------
    data : TrainingData
        Name, licence and source, as stated in a release.
    placement : str
        Where the phone was worn.
    weakness : str
        Known weakness for the model card, one sentence.
    commercial_use : bool
        Whether its terms allow commercial use.
    shows_sway : bool
        Whether the sensor is quiet enough to show the sway of a standing wearer.
    """

    data: TrainingData
    placement: str
    weakness: str
    commercial_use: bool
    shows_sway: bool


_HHAR = DataSet(
    TrainingData(
        "HHAR (Heterogeneity Human Activity Recognition), phones' accelerometers",
        "CC BY 4.0",
        "Stisen et al., UCI Machine Learning Repository, 2015",
    ),
    "waist",
    "All eight phones were in one pouch at the waist: models and rates differ widely, wearing does not.",
    commercial_use=True,
    shows_sway=False,
)

_NOT_STATED = "not stated"
#: Matches licences and terms that forbid commercial use. It prefers false positives to misses.
_NOT_COMMERCIAL = re.compile(
    r"\bnc\b|non[\s-]?commercial|\b(research|academic|educational|private|personal)\b[^.;]*\bonly\b"
    r"|\b(no|not|never|without|forbid\w*|forbad\w*|prohibit\w*|exclud\w*)\b[^.;]*\bcommercial"
    r"|\bcommercial[^.;]*\b(not|never|forbidden|prohibited|excluded|disallowed)\b",
    re.IGNORECASE,
)

KNOWN_DATA_SETS = {
    "galaxy_s2": DataSet(
        TrainingData(
            "HAPT (Smartphone-Based Recognition of Human Activities and Postural Transitions), raw accelerometer",
            "the data set's README forbids commercial use",
            "Reyes-Ortiz et al., UCI Machine Learning Repository, 2015",
        ),
        "waist",
        "At the waist, sitting and standing differ by a lean of the belt of 10 to 20 degrees that overlaps "
        "between people; for some wearers they cannot be distinguished.",
        commercial_use=False,
        shows_sway=False,
    ),
    "galaxy_s8": DataSet(
        TrainingData("Pocket recordings, Samsung Galaxy S8", "MIT", "A. Lien, 2022"),
        "pocket",
        "Few people wore the phone in the pocket, all with the same model: stairs and walking are "
        "confused for gaits unlike theirs.",
        commercial_use=True,
        shows_sway=True,
    ),
    **{f"{model}_{number}": _HHAR for model in ("nexus4", "s3", "s3mini", "samsungold") for number in (1, 2)},
}


def placement_of(person: str) -> str:
    """Return where ``device/user`` wore the phone, or the device's name if the placement is unknown.

    Examples
    --------
    >>> placement_of("galaxy_s2/u06"), placement_of("phone_7/anna")
    ('waist', 'phone_7')
    """
    known = KNOWN_DATA_SETS.get(device_of(person))
    return known.placement if known else device_of(person)


def data_sets_of(people: Iterable[str]) -> list[TrainingData]:
    """Return the data sets of these people, each once, in the order of their devices' names."""
    return data_sets_of_devices(device_of(person) for person in people)


def data_sets_of_devices(devices: Iterable[str]) -> list[TrainingData]:
    """Return the data sets of these devices, each once, in the order of the devices' names.

    Examples
    --------
    >>> [data.licence for data in data_sets_of_devices(["nexus4_1", "nexus4_2", "galaxy_s8"])]
    ['MIT', 'CC BY 4.0']
    """
    found = [
        KNOWN_DATA_SETS[device].data
        if device in KNOWN_DATA_SETS
        else TrainingData(f"recordings of {device}", _NOT_STATED, _NOT_STATED)
        for device in sorted(set(devices))
    ]
    return list(dict.fromkeys(found))


def weaknesses_of(people: Iterable[str]) -> list[str]:
    """Return the known weaknesses of these people's data sets."""
    devices = sorted({device_of(person) for person in people})
    return list(dict.fromkeys(KNOWN_DATA_SETS[device].weakness for device in devices if device in KNOWN_DATA_SETS))


def weights_licence(data: Iterable[TrainingData]) -> str:
    """Return a sentence with the terms for weights that were trained on these data sets.

    Examples
    --------
    >>> weights_licence([TrainingData("Our walks", "CC BY-NC 4.0", "our lab")])[:72]
    'Not for commercial use: the weights were trained on Our walks, whose ter'
    """
    known = {data_set.data: data_set for data_set in KNOWN_DATA_SETS.values()}
    limiting, unknown = [], []
    for item in dict.fromkeys(data):
        allowed = known[item].commercial_use if item in known else not _NOT_COMMERCIAL.search(item.licence)
        if not allowed:
            limiting.append(item.name)
        elif item.licence.strip().lower().startswith(_NOT_STATED) or not item.licence.strip():
            unknown.append(item.name)
    sentences = []
    if limiting:
        sentences.append(
            f"Not for commercial use: the weights were trained on {', '.join(dict.fromkeys(limiting))}, "
            "whose terms forbid it. The project's own licence covers its code, not these weights."
        )
    if unknown:
        sentences.append(f"The terms of some recordings are not stated: {', '.join(dict.fromkeys(unknown))}.")
    return " ".join(sentences) or "The terms of the data sets named here apply to the weights."

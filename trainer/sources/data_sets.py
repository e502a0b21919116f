"""What must be said of the data sets a network was trained on: source, licence, where the phone was worn."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from har.releases import TrainingData
from trainer.sources.splits import device_of


@dataclass(frozen=True)
class DataSet:
    """A source of recordings, known by the device name in its tables.

    Attributes
    ----------
    data : TrainingData
        Name, licence and source, as a release states them.
    placement : str
        Where on the body the phone was worn.
    weakness : str
        What a reader of the model card should know of it; one sentence.
    commercial_use : bool
        Whether its terms allow commercial use.
    shows_sway : bool
        Whether the sensor is quiet enough to show the sway of somebody standing.
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
#: How licences and terms say that commercial use is forbidden; taken to be said once too often rather than missed.
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
        "between people; for some wearers they cannot be told apart.",
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
    """Return where ``device/user`` wore the phone, or the device's name where that is not known.

    Examples
    --------
    >>> placement_of("galaxy_s2/u06"), placement_of("phone_7/anna")
    ('waist', 'phone_7')
    """
    known = KNOWN_DATA_SETS.get(device_of(person))
    return known.placement if known else device_of(person)


def data_sets_of(people: Iterable[str]) -> list[TrainingData]:
    """Return the data sets that people are from, in the order of their devices' names."""
    return data_sets_of_devices(device_of(person) for person in people)


def data_sets_of_devices(devices: Iterable[str]) -> list[TrainingData]:
    """Return the data sets that devices belong to, in the order of their names, each once.

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
    """Return what is known to be weak in the data sets that people are from."""
    devices = sorted({device_of(person) for person in people})
    return list(dict.fromkeys(KNOWN_DATA_SETS[device].weakness for device in devices if device in KNOWN_DATA_SETS))


def weights_licence(data: Iterable[TrainingData]) -> str:
    """Say on which terms weights trained on these data sets may be used.

    Examples
    --------
    >>> weights_licence([TrainingData("Our walks", "CC BY-NC 4.0", "our lab")])[:72]
    'Not for commercial use: the weights were trained on Our walks, whose ter'
    """
    known = {each.data: each for each in KNOWN_DATA_SETS.values()}
    limiting, unknown = [], []
    for each in dict.fromkeys(data):
        allowed = known[each].commercial_use if each in known else not _NOT_COMMERCIAL.search(each.licence)
        if not allowed:
            limiting.append(each.name)
        elif each.licence.strip().lower().startswith(_NOT_STATED) or not each.licence.strip():
            unknown.append(each.name)
    sentences = []
    if limiting:
        sentences.append(
            f"Not for commercial use: the weights were trained on {', '.join(dict.fromkeys(limiting))}, "
            "whose terms forbid it. The project's own licence covers its code, not these weights."
        )
    if unknown:
        sentences.append(f"The terms of some recordings are not stated: {', '.join(dict.fromkeys(unknown))}.")
    return " ".join(sentences) or "The terms of the data sets named here apply to the weights."

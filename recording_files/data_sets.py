"""Where the recordings of known data sets are from, where their phones were worn, and what their licences allow."""

import re
from collections.abc import Iterable

from har.licences import WeightsTerms
from har.recordings import device_of
from har.releases import TrainingData
from recording_files.known_data_sets import KNOWN_DATA_SETS

_NOT_STATED = "not stated"
#: Matches licences and terms that forbid commercial use. It prefers false positives to misses.
_NOT_COMMERCIAL = re.compile(
    r"\bnc\b|non[\s-]?commercial|\b(research|academic|educational|private|personal)\b[^.;]*\bonly\b"
    r"|\b(no|not|never|without|forbid\w*|forbad\w*|prohibit\w*|exclud\w*)\b[^.;]*\bcommercial"
    r"|\bcommercial[^.;]*\b(not|never|forbidden|prohibited|excluded|disallowed)\b"
    r"|\b(free|published|available|licen[cs]ed|granted)\s+for\s+(\w+\s+)?(research|teaching|education)\b(?![^.;]*\bcommercial)",
    re.IGNORECASE,
)
_SHARE_ALIKE = re.compile(r"\bsa\b|share[\s-]?alike|\bodbl\b|\bgpl", re.IGNORECASE)


def placement_of(person: str) -> str:
    """Return where ``device/user`` wore the phone, or the device's name if the placement is unknown.

    Examples
    --------
    >>> placement_of("galaxy_s2/u06"), placement_of("phone_7/anna")
    ('waist', 'phone_7')
    """
    known = KNOWN_DATA_SETS.get(device_of(person))
    return known.placement if known else device_of(person)


def data_set_of(person: str) -> str:
    """Return the data set and the placement of ``device/user``, or the device's name if it belongs to none.

    Examples
    --------
    >>> data_set_of("galaxy_s8/u06"), data_set_of("phone_7/anna")
    ('Pocket recordings, Samsung Galaxy S8; pocket', 'phone_7')
    """
    known = KNOWN_DATA_SETS.get(device_of(person))
    return f"{known.data.name}; {known.placement}" if known else device_of(person)


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


def weights_terms(data: Iterable[TrainingData]) -> WeightsTerms:
    """Return what the licences of data sets allow for weights that were trained on them, for programs.

    Examples
    --------
    >>> weights_terms([TrainingData("Our walks", "CC BY-NC-SA 4.0", "our lab")])
    WeightsTerms(commercial_use=False, share_alike=True, limiting=['Our walks'])
    """
    allowed = [(item, _allows_commercial_use(item), _asks_for_the_same_licence(item)) for item in dict.fromkeys(data)]
    commercial, alike = [each[1] for each in allowed], [each[2] for each in allowed]
    return WeightsTerms(
        commercial_use=False if False in commercial else None if None in commercial or not allowed else True,
        share_alike=True if True in alike else None if None in alike or not allowed else False,
        limiting=[item.name for item, is_commercial, is_alike in allowed if is_commercial is False or is_alike],
    )


def _allows_commercial_use(item: TrainingData) -> bool | None:
    """Return whether a data set's terms allow commercial use; None if they are not stated."""
    known = {data_set.data: data_set for data_set in KNOWN_DATA_SETS.values()}
    if item in known:
        return known[item].commercial_use
    if _NOT_COMMERCIAL.search(item.licence):
        return False
    return None if _is_not_stated(item) else True


def _asks_for_the_same_licence(item: TrainingData) -> bool | None:
    if _SHARE_ALIKE.search(item.licence):
        return True
    return None if _is_not_stated(item) else False


def _is_not_stated(item: TrainingData) -> bool:
    return item.licence.strip().lower().startswith(_NOT_STATED) or not item.licence.strip()


def weights_licence(data: Iterable[TrainingData]) -> str:
    """Return a sentence with the terms for weights that were trained on these data sets.

    Examples
    --------
    >>> weights_licence([TrainingData("Our walks", "CC BY-NC 4.0", "our lab")])[:72]
    'Not for commercial use: the weights were trained on Our walks, whose ter'
    """
    allowed = {item: _allows_commercial_use(item) for item in dict.fromkeys(data)}
    limiting = [item.name for item, allows in allowed.items() if allows is False]
    unknown = [item.name for item, allows in allowed.items() if allows is None]
    sentences = []
    if limiting:
        sentences.append(
            f"Not for commercial use: the weights were trained on {', '.join(dict.fromkeys(limiting))}, "
            "whose terms forbid it. The project's own licence covers its code, not these weights."
        )
    if unknown:
        sentences.append(f"The terms of some recordings are not stated: {', '.join(dict.fromkeys(unknown))}.")
    return " ".join(sentences) or "The terms of the data sets named here apply to the weights."

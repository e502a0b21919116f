"""Names of devices for recordings: valid, different for different recordings, and known to the person who made them."""

import re
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from anyascii import anyascii

from recording_files.session_pieces import session_text

#: Longest name of a device (`har.samples.check_identifier`).
LONGEST = 64
#: Characters of the mark of a recording whose names could not be kept; more if these are not enough.
_MARK_CHARACTERS = (6, 16, 48)
_UNNAMED = "recording"


class RecordingKey(NamedTuple):
    """What a recording is called.

    Attributes
    ----------
    device, user, session : str
        Its names in its data set.
    data_set : str
        What tells it from recordings of the same names in other data sets; it is in the mark of a name alone.
    """

    device: str
    user: str
    session: str
    data_set: str = ""

    def __str__(self) -> str:
        """Return the names for messages."""
        return session_text(self.device, self.user, self.session) or _UNNAMED


def device_names(keys: Sequence[RecordingKey]) -> list[str]:
    """Return a valid device name for each recording, made of its device, user and session.

    Letters of other scripts are transliterated. A name that says less than the recording's own, as it is transliterated
    or shortened, or that another recording has, too, ends with a mark of the recording's own names. So a recording has
    the same name each time.

    Parameters
    ----------
    keys : sequence of RecordingKey
        The recordings, all different.

    Examples
    --------
    >>> device_names([RecordingKey("phone", "anna", "walk 1"), RecordingKey("Åsas telefon", "Åsa", "Åsa")])
    ['phone-anna-walk-1', 'Asas-telefon-Asa-a2ab3c']
    >>> device_names([RecordingKey("phone", "王伟", ""), RecordingKey("phone", "王薇", "")])
    ['phone-WangWei-984959', 'phone-WangWei-e9fc95']
    """
    parts = [_parts(key) for key in keys]
    plain = ["-".join(found) for found in parts]
    # Journals are files, whose names may not tell capital letters from small ones.
    times = Counter(map(str.casefold, plain))
    is_kept = [times[name.casefold()] == 1 and _says_all(key, name) for name, key in zip(plain, keys, strict=True)]
    for characters in _MARK_CHARACTERS:
        names = [
            name if kept else _marked(of, key, characters)
            for name, kept, of, key in zip(plain, is_kept, parts, keys, strict=True)
        ]
        if len(set(map(str.casefold, names))) == len(names):
            break
    return names


def _parts(key: RecordingKey) -> list[str]:
    """Return the different parts of a key in ASCII."""
    parts = (re.sub(r"[^A-Za-z0-9._]+", "-", anyascii(part)).strip("-._") for part in key[:3])
    return list(dict.fromkeys(filter(None, parts))) or [_UNNAMED]


def _says_all(key: RecordingKey, name: str) -> bool:
    return len(name) <= LONGEST and name != _UNNAMED and all(part.isascii() for part in key[:3])


def _marked(parts: Sequence[str], key: RecordingKey, characters: int) -> str:
    mark = sha256("\0".join(key).encode("utf-8", "surrogatepass")).hexdigest()[:characters]
    kept = list(parts)
    while len("-".join([*kept, mark])) > LONGEST:
        longest = max(range(len(kept)), key=lambda number: len(kept[number]))
        kept[longest] = kept[longest][:-1].rstrip("-._")
    return "-".join([*filter(None, kept), mark])

"""URLs in place of paths: one of a local file is a path, any other is refused before anything is read."""

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pydantic import BeforeValidator

from har.recordings import RecordingError

#: Matches URLs. A `Path` of a URL has lost a slash. A single letter is a drive of Windows.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_FILE_URL = re.compile(r"file:(//(localhost)?)?/(?!/)", re.IGNORECASE)


def path_of(text: str) -> str:
    """Return the path of a URL of a local file, and any other path as it is.

    Raises
    ------
    RecordingError
        If it is a URL that cannot be read.

    Examples
    --------
    >>> path_of("walks.csv"), path_of("file:///data/my%20walks.csv")
    ('walks.csv', '/data/my walks.csv')
    """
    if _FILE_URL.match(text):
        return url2pathname(urlsplit(text).path)
    if _URL.match(text):
        raise RecordingError(
            f"{text} is a URL, which cannot be read: copy the data to this machine (e.g. with `aws s3 sync` or "
            "`curl -O`) and pass the file or folder"
        )
    return text


def _without_url(value: object) -> object:
    return path_of(value) if isinstance(value, str) else value


#: A path or the name of a data set in settings. Options of its own may follow (`recording_files.stated`).
DataSetPath = Annotated[Path, BeforeValidator(_without_url)]

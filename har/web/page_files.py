"""The files of a web page, read once and served from memory.

The gateway and the dashboard serve their pages with different web frameworks. Both read the files here, and decide
here whether a browser has a file already.
"""

import hashlib
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from pathlib import Path

#: The types of the files that are served, by the ending of their names. Files of other types are not served.
CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}
#: Prefix of the files that both pages load, `har/web/shared`.
SHARED = "shared/"
_SHARED_FOLDER = Path(__file__).parent / "shared"
#: The folder of libraries, of which each page serves single files only.
_LIBRARIES = "node_modules"


@dataclass(frozen=True)
class PageFile:
    """A served file.

    Attributes
    ----------
    body : bytes
        The content.
    content_type : str
        Value of the ``Content-Type`` header.
    etag : str
        Value of the ``ETag`` header: a strong entity tag, computed from the content.
    """

    body: bytes
    content_type: str
    etag: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "etag", f'"{hashlib.sha256(self.body).hexdigest()[:32]}"')

    def matches(self, if_none_match: str | None) -> bool:
        """Return whether a request has this file already, so that the response is 304 (RFC 9110, 13.1.2).

        Parameters
        ----------
        if_none_match : str or None
            Value of the ``If-None-Match`` header: a list of entity tags, strong or weak, or ``*``. None if the
            request has no such header.
        """
        return matches_etag(if_none_match, self.etag)


def matches_etag(if_none_match: str | None, etag: str) -> bool:
    """Return whether ``If-None-Match`` names an entity tag; see `PageFile.matches`."""
    if if_none_match is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return tags == ["*"] or etag in tags


def read_page(folder: Traversable) -> dict[str, PageFile]:
    """Return the files of a page and the shared ones, by their names relative to the page."""
    shared = {SHARED + name: file for name, file in read_folder(_SHARED_FOLDER).items()}
    return read_folder(folder) | shared


def read_folder(folder: Traversable, endings: tuple[str, ...] = tuple(CONTENT_TYPES)) -> dict[str, PageFile]:
    """Return the files of a folder and of those within it, by name; skip libraries and files of other types.

    Parameters
    ----------
    folder : Traversable
        The folder, such as a `pathlib.Path`.
    endings : tuple of str
        The names of the files end with one of them.
    """
    found: dict[str, PageFile] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            if entry.name != _LIBRARIES:
                found |= {f"{entry.name}/{name}": file for name, file in read_folder(entry, endings).items()}
            continue
        if entry.name.endswith(endings) and Path(entry.name).suffix in CONTENT_TYPES:
            found[entry.name] = read_file(entry)
    return found


def read_file(file: Traversable) -> PageFile:
    """Return a file of a known type.

    Raises
    ------
    KeyError
        If its name has no ending of `CONTENT_TYPES`.
    """
    return PageFile(file.read_bytes(), CONTENT_TYPES[Path(file.name).suffix])

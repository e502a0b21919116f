"""The documents of releases: JSON that states its schema version, and plain names of releases and their files."""

import re
from typing import TypeVar

import msgspec

from har.samples import UNDECODABLE

Document = TypeVar("Document")

#: Names of releases and of their files become parts of paths and URLs.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


class ReleaseError(ValueError):
    """A release that must not be used; the text gives the reason and what was expected."""


def require_plain_name(name: str, what: str) -> None:
    """Raise unless a name is a plain file name of letters, digits, dots, dashes and underscores.

    Raises
    ------
    ReleaseError
        If it is not; the text names it by `what`.

    Examples
    --------
    >>> require_plain_name("../a", "a file")
    Traceback (most recent call last):
    har.release_documents.ReleaseError: '../a' cannot be a file: a plain file name has letters, digits, . _ - only, ...
    """
    if not _PLAIN_NAME.fullmatch(name):
        raise ReleaseError(f"{name!r} cannot be {what}: a plain file name has letters, digits, . _ - only, 128 at most")


class _SchemaOnly(msgspec.Struct):
    schema: int


def decode_document(
    document: bytes, kind: type[Document], what: str, *, schema: int, limit: int, if_older: str
) -> Document:
    """Decode JSON that states its schema version; check its size, version and types only.

    Parameters
    ----------
    document : bytes
        The JSON, with a field `schema`.
    kind : type
        The type to decode to.
    what : str
        The document's name in errors.
    schema : int
        The supported version.
    limit : int
        Largest size, bytes.
    if_older : str
        Advice for an older version, for the error's text.

    Raises
    ------
    ReleaseError
        If it is too large, of another version, or not of the type.
    """
    if len(document) > limit:
        raise ReleaseError(f"the {what} has {len(document)} bytes; the limit is {limit}")
    try:
        found = msgspec.json.decode(document, type=_SchemaOnly).schema
        if found != schema:
            raise ReleaseError(
                f"the {what} has schema {found}; this version of har reads {schema}: "
                f"{'upgrade har' if found > schema else if_older}"
            )
        return msgspec.json.decode(document, type=kind)
    except UNDECODABLE as error:
        raise ReleaseError(f"not a {what}: {error}") from error

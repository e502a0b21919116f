"""The kinds of errors of Redis: for the labels of metrics, for health pages, and in its own words for people."""

from typing import Literal

#: Error codes with which Redis answers, as the label of a metric. Others count as ``other``.
CODES = (
    "ASK",
    "BUSY",
    "CLUSTERDOWN",
    "CROSSSLOT",
    "LOADING",
    "MASTERDOWN",
    "MAXCLIENTS",
    "MISCONF",
    "MOVED",
    "NOAUTH",
    "NOPERM",
    "NOREPLICAS",
    "OOM",
    "READONLY",
    "TRYAGAIN",
    "WRONGPASS",
    "WRONGTYPE",
)
#: Kinds of errors without an answer of Redis.
UNREACHABLE, TIMEOUT, OTHER = "unreachable", "timeout", "other"

#: redis-py removes the codes of these from the text.
_CODES_BY_CLASS = {
    "BusyLoadingError": "LOADING",
    "ClusterCrossSlotError": "CROSSSLOT",
    "ClusterDownError": "CLUSTERDOWN",
    "MasterDownError": "MASTERDOWN",
    "MovedError": "MOVED",
    "AskError": "ASK",
    "NoPermissionError": "NOPERM",
    "OutOfMemoryError": "OOM",
    "ReadOnlyError": "READONLY",
    "TryAgainError": "TRYAGAIN",
}
_CODES_BY_TEXT = {
    "max number of clients reached": "MAXCLIENTS",
    "Authentication required": "NOAUTH",
    "HELLO must be called with the client already authenticated": "NOAUTH",
    "this user has no permissions": "NOPERM",
    "invalid username-password pair": "WRONGPASS",
    "previous master is now a slave": "READONLY",
    "slots are not covered": "CLUSTERDOWN",
    "not covered by the cluster": "CLUSTERDOWN",
}
_LONGEST_TEXT = 300
#: What to change, by a part of the text.
_ADVICE = {
    "Hostname mismatch": "use a name or an address that is in its certificate",
    "IP address mismatch": "use a name or an address that is in its certificate",
    "CERTIFICATE_VERIFY_FAILED": "set ssl_ca_certs in the URL to the authority that issued its certificate",
}


def kind_of(error: Exception) -> str:
    """Return the kind of an error: one of `CODES`, `UNREACHABLE`, `TIMEOUT` or `OTHER`.

    Examples
    --------
    >>> kind_of(Exception("MISCONF Redis is configured to save RDB snapshots")), kind_of(OSError("refused"))
    ('MISCONF', 'unreachable')
    """
    name, text = type(error).__name__, str(error)
    code = _CODES_BY_CLASS.get(name) or next((code for part, code in _CODES_BY_TEXT.items() if part in text), None)
    if code is not None:
        return code
    first = text.partition(" ")[0]
    if first in CODES:
        return first
    if name == "TimeoutError":
        return TIMEOUT
    is_connection = isinstance(error, OSError) or any(base.__name__ == "ConnectionError" for base in type(error).mro())
    is_connection = is_connection or "Cluster cannot be connected" in text
    return UNREACHABLE if is_connection else OTHER


def words_of(error: Exception) -> str:
    """Return what Redis, or its client, said: the code and the text, in one line of limited length; and what to change.

    Examples
    --------
    >>> words_of(Exception("WRONGTYPE Operation against a key"))
    'WRONGTYPE Operation against a key'
    """
    text = " ".join(str(error).split()) or type(error).__name__
    kind = kind_of(error)
    if kind in CODES and not text.startswith(kind):
        text = f"{kind} {text}"
    advice = next((advice for part, advice in _ADVICE.items() if part in text), None)
    text = text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"
    return text if advice is None else f"{text.rstrip('.')}; {advice}"


def said_by(error: Exception) -> str:
    """Return what Redis, or its client, said, and which of the two.

    Examples
    --------
    >>> said_by(ConnectionRefusedError("refused"))
    'no answer from Redis: refused'
    """
    return f"{'Redis answers' if is_answer(kind_of(error)) else 'no answer from Redis'}: {words_of(error)}"


def is_answer(kind: str) -> bool:
    """Return whether Redis itself answered with the error, so that it is not away."""
    return kind in CODES


#: Words for health pages: nothing was attempted yet; the last attempts succeeded; no answer; answers with errors.
Status = Literal["untried", "available", "unavailable", "rejecting"]


def status_of(kind: str | None) -> Status:
    """Return the word for health pages.

    Parameters
    ----------
    kind : str or None
        The kind of the newest error; None if the last attempt succeeded.
    """
    if kind is None:
        return "available"
    return "rejecting" if is_answer(kind) or kind == OTHER else "unavailable"

"""Errors of the device registry and of credentials."""

from typing import Literal

#: Stable names of the reasons, used in answers and as metric labels.
Reason = Literal[
    "no_token",
    "malformed_token",
    "expired",
    "revoked",
    "unknown_code",
    "unknown_device",
    "too_often",
    "foreign_page",
]


class NotAdmittedError(Exception):
    """A caller is not allowed to do what it requested.

    Attributes
    ----------
    reason : str
        Stable name of the reason.
    detail : str
        What is wrong and what to do, in sentences: pages show it to the wearer.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class RegistryError(RuntimeError):
    """The registry cannot be opened, read or written."""

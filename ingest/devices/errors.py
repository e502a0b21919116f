"""Why a device is not let in."""

from typing import Literal

#: Stable, countable names of the reasons.
Reason = Literal["no_token", "malformed_token", "expired", "revoked", "unknown_code", "unknown_device", "too_often"]


class NotAdmittedError(Exception):
    """A device that may not do what it asked for.

    Attributes
    ----------
    reason : str
        A stable name.
    detail : str
        What is wrong and what to do, for its wearer.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class RegistryError(RuntimeError):
    """The registry cannot be read or written."""

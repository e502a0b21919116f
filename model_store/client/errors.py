"""Reasons for rejecting an update. The client keeps its current release in every case."""

from typing import Literal

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)

from har.release_documents import ReleaseError

Reason = Literal[
    "unreachable", "slow", "too long", "expired", "rolled back", "unsigned", "changed", "contradictory", "unusable"
]


class UpdateRejectedError(ReleaseError):
    """An update was rejected.

    Attributes
    ----------
    reason : str
        - ``unreachable``, ``slow``, ``too long``: the download failed.
        - ``expired``: the metadata expired. An attacker withholds newer metadata, or the store did not renew it.
        - ``rolled back``: the metadata or the pointer is older than one that this client accepted before, or metadata
          has another version than the signed metadata lists.
        - ``unsigned``: the signatures are not those that the role needs.
        - ``changed``: the bytes are not those that were signed.
        - ``contradictory``: the signed documents contradict each other.
        - ``unusable``: the release cannot be loaded or fails its checks.
    detail : str
        What happened, and where.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"update rejected ({reason}): {detail}")
        self.reason = reason
        self.detail = detail


class SlowDownloadError(DownloadError):
    """A download was slower than the minimum rate or exceeded its deadline."""


def rejection(error: Exception) -> UpdateRejectedError:
    """Convert an error of fetching or verifying to a rejection with its reason."""
    if isinstance(error, UpdateRejectedError):
        return error
    return UpdateRejectedError(_reason(error), str(error) or type(error).__name__)


def _reason(error: Exception) -> Reason:
    reasons: tuple[tuple[type[Exception], Reason], ...] = (
        (SlowDownloadError, "slow"),
        (DownloadLengthMismatchError, "too long"),
        (DownloadHTTPError, "unreachable"),
        (DownloadError, "unreachable"),
        (ExpiredMetadataError, "expired"),
        (BadVersionNumberError, "rolled back"),
        (UnsignedMetadataError, "unsigned"),
        (LengthOrHashMismatchError, "changed"),
        (RepositoryError, "contradictory"),
        (ReleaseError, "unusable"),
        (OSError, "unreachable"),
    )
    return next((reason for kind, reason in reasons if isinstance(error, kind)), "unusable")

"""Why an update was not taken. Whatever it is, the release that runs is kept."""

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

from har.releases import ReleaseError

Reason = Literal[
    "unreachable", "slow", "too long", "expired", "rolled back", "unsigned", "changed", "contradictory", "unusable"
]


class UpdateRejectedError(ReleaseError):
    """An update that was not taken.

    Attributes
    ----------
    reason : str
        ``unreachable``, ``slow`` or ``too long``: it did not come. ``expired``: news are kept back, or the store is
        not refreshed. ``rolled back``: older than what was seen before. ``unsigned``: not by whom it should be.
        ``changed``: other bytes than were signed. ``contradictory``: metadata that does not belong together.
        ``unusable``: the release itself.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"update rejected ({reason}): {detail}")
        self.reason = reason


class SlowDownloadError(DownloadError):
    """A download that is slower than the least rate, or not done in time."""


def rejection(error: Exception) -> UpdateRejectedError:
    """Say what an error of fetching or verifying means."""
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

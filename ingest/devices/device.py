"""A device as the registry stores it."""

from dataclasses import dataclass

from ingest.devices.settings import Frame


@dataclass(frozen=True)
class Device:
    """An invited device.

    Attributes
    ----------
    name : str
        The device's name, which is also the Kafka key of its readings.
    wearer : str or None
        Who wears the device; None if unknown.
    frame : {"android", "ios", "standardised", "unknown"}
        The sign convention of the device's axes (`ingest.devices.settings.Frame`).
    generation : int
        How often the device was revoked or forgotten. Tokens of an earlier generation are invalid.
    enrolled_at : int or None
        Time of the last enrolment, µs since the epoch; None if the device has not enrolled yet or was forgotten.
    revoked_at : int or None
        Time of the revocation, µs since the epoch; None if the device was never revoked or has enrolled again since.
    """

    name: str
    wearer: str | None
    frame: Frame
    generation: int
    enrolled_at: int | None
    revoked_at: int | None

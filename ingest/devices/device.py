"""A device, as the registry knows it."""

from dataclasses import dataclass

from ingest.devices.settings import Frame


@dataclass(frozen=True)
class Device:
    """A device that was invited.

    Attributes
    ----------
    name : str
        Its name, under which all its readings lie.
    wearer : str or None
        Who wears it.
    frame : str
        Whose signs its axes have, if that was said.
    generation : int
        How often it was revoked: a token of an earlier generation is not good any more.
    enrolled_at, revoked_at : int or None
        When it came, and when it was revoked without having come again; µs since the epoch.
    """

    name: str
    wearer: str | None
    frame: Frame
    generation: int
    enrolled_at: int | None
    revoked_at: int | None

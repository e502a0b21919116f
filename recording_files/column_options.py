"""What a person says about the columns of a table: the options `--time`, `--x`, … of every command that reads files."""

from dataclasses import dataclass, field

from recording_files.layout import TimeUnit, Unit


@dataclass(frozen=True)
class ColumnOptions:
    """What is stated about a table, and overrides what its names and values suggest.

    Attributes
    ----------
    axes : tuple of str or None
        The columns of x, y and z.
    time : str or None
        The column of the event times.
    time_unit : TimeUnit or None
        Their unit.
    rate_hz : float or None
        The sample rate of a table without times, Hz.
    unit : Unit or None
        The unit of the axes.
    is_inverted : bool
        Whether the signs are the opposite of Android's.
    texts : dict of str to str
        Columns of ``user``, ``device``, ``model``, ``session`` or ``gt``.
    """

    axes: tuple[str, str, str] | None = None
    time: str | None = None
    time_unit: TimeUnit | None = None
    rate_hz: float | None = None
    unit: Unit | None = None
    is_inverted: bool = False
    texts: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Return whether anything is stated."""
        return self != ColumnOptions()


#: Nothing is stated.
NOTHING_STATED = ColumnOptions()

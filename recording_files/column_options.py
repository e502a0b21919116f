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
        The sample rate, Hz. A table without times gets its times from it.
    unit : Unit or None
        The unit of the axes.
    is_inverted : bool or None
        Whether the signs are the opposite of Android's, as on an iPhone.
    texts : dict of str to str
        Columns of ``user``, ``device``, ``model``, ``session`` or ``gt``.
    encoding : str or None
        Encoding of a text table, by Python's name.
    """

    axes: tuple[str, str, str] | None = None
    time: str | None = None
    time_unit: TimeUnit | None = None
    rate_hz: float | None = None
    unit: Unit | None = None
    is_inverted: bool | None = None
    texts: dict[str, str] = field(default_factory=dict)
    encoding: str | None = None

    def __bool__(self) -> bool:
        """Return whether anything is stated."""
        return self != ColumnOptions()

    @property
    def names_columns(self) -> bool:
        """Whether columns, their units or signs are stated."""
        return bool(self.axes or self.time or self.time_unit or self.unit or self.texts) or self.is_inverted is not None

    def over(self, others: "ColumnOptions") -> "ColumnOptions":
        """Return these options, completed with others for what these do not state."""
        return ColumnOptions(
            axes=self.axes or others.axes,
            time=self.time or others.time,
            time_unit=self.time_unit or others.time_unit,
            rate_hz=self.rate_hz or others.rate_hz,
            unit=self.unit or others.unit,
            is_inverted=others.is_inverted if self.is_inverted is None else self.is_inverted,
            texts=others.texts | self.texts,
            encoding=self.encoding or others.encoding,
        )


#: Nothing is stated.
NOTHING_STATED = ColumnOptions()

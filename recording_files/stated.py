"""A data set as a person states it: a path or a name, and behind it options that only hold for it.

``'walks.csv --unit g --time ts'`` is the file ``walks.csv``, whose axes are in g and whose times are in the column
``ts``. So data sets of one command can differ, and a text says everything about a data set that its reader has to know.
"""

import shlex
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from har.recordings import RecordingError
from recording_files.column_options import NOTHING_STATED, ColumnOptions
from recording_files.settings import ColumnFields

_MARK = " --"
_OPTIONS = {name.replace("_", "-"): name for name in ColumnFields.model_fields}


def split_stated(text: Path | str) -> tuple[Path, ColumnOptions]:
    """Split the text of a data set into its path or name, and its options.

    A path that exists is never split.

    Raises
    ------
    RecordingError
        If there is no such option, or a value is missing or invalid.

    Examples
    --------
    >>> path, options = split_stated("walks.csv --unit g --label 'what I did'")
    >>> str(path), options.unit.value, options.texts
    ('walks.csv', 'g', {'gt': 'what I did'})
    """
    whole = str(text)
    if _MARK not in whole or Path(whole).exists():
        return Path(text), NOTHING_STATED
    place, _, rest = whole.partition(_MARK)
    try:
        words = shlex.split(f"--{rest}")
        fields = ColumnFields.model_validate(_values(words))
    except ValidationError as error:
        faults = "; ".join(
            ": ".join([*(f"--{str(name).replace('_', '-')}" for name in fault["loc"]), _reason(fault["msg"])])
            for fault in error.errors()
        )
        raise RecordingError(f"{place}: its options {_MARK[1:]}{rest}: {faults}") from error
    except ValueError as error:
        raise RecordingError(f"{place}: its options {_MARK[1:]}{rest}: {error}") from error
    return Path(place.strip()), fields.columns()


def with_options(texts: Iterable[Path | str], options: ColumnOptions) -> tuple[str, ...]:
    """Return the texts of data sets with options that hold for all of them, as far as a text states no other.

    Raises
    ------
    RecordingError
        If the options of a text are invalid.

    Examples
    --------
    >>> from recording_files.layout import Unit
    >>> with_options(["a.csv", "b.csv --unit g"], ColumnOptions(rate_hz=50, unit=Unit.METRES))
    ('a.csv --rate-hz 50 --unit m/s2', 'b.csv --rate-hz 50 --unit g')
    """
    stated = map(split_stated, texts)
    return tuple(_joined(path, own.over(options)) for path, own in stated)


def _joined(path: Path, options: ColumnOptions) -> str:
    words = [shlex.join([f"--{name}", value]) for name, value in _words_of(options).items() if value]
    return " ".join([str(path), *words])


def _words_of(options: ColumnOptions) -> dict[str, str]:
    x, y, z = options.axes or ("", "", "")
    signs = {None: "", True: "iphone", False: "android"}[options.is_inverted]
    return {
        "time": options.time or "",
        "time-unit": options.time_unit.value if options.time_unit else "",
        "x": x,
        "y": y,
        "z": z,
        "rate-hz": f"{options.rate_hz:.17g}" if options.rate_hz else "",
        "unit": options.unit.value if options.unit else "",
        "signs": signs,
        **{("label" if name == "gt" else name): column for name, column in sorted(options.texts.items())},
        "encoding": options.encoding or "",
    }


def _values(words: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        name, has_value, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or name not in _OPTIONS:
            known = ", ".join(f"--{option}" for option in _OPTIONS)
            raise ValueError(f"there is no option {word}; the options of a data set are {known}")
        found = value if has_value else next(rest, None)
        if found is None:
            raise ValueError(f"{word} needs a value")
        values[_OPTIONS[name]] = found
    return values


def _reason(message: str) -> str:
    return message.removeprefix("Value error, ")

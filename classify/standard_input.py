"""Recordings on the standard input: kept in a temporary file, since they are read twice."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from classify.settings import HYPHEN
from har.process.whole_files import naming
from har.recordings import RecordingError
from har.releases import TrainingData
from recording_files import Part, Source, find_source
from recording_files.column_options import NOTHING_STATED, ColumnOptions

#: Name of the file; it stands for the user and the session where the recording names none.
NAME = "standard-input"
#: Most bytes that are kept.
MOST_BYTES = 8 << 30
_PIECE_BYTES = 1 << 20


class StandardInput(Source):
    """Recordings that came from the standard input.

    Parameters
    ----------
    kept : Path
        The file with what came.
    options : ColumnOptions
        What the person stated about its columns.

    Raises
    ------
    RecordingError
        If it is not understood.
    """

    path = Path(HYPHEN)

    def __init__(self, kept: Path, options: ColumnOptions = NOTHING_STATED) -> None:
        self._kept = kept
        with self._without_the_files_path():
            self._source = find_source(kept, options=options)
        self.rate_hz = self._source.rate_hz

    def parts(self) -> Iterator[Part]:
        """Read the table, part by part."""
        with self._without_the_files_path():
            for part in self._source.parts():
                yield replace(part, file=self.path)

    def understood(self) -> list[str]:
        """Return what was understood of its form."""
        return self._source.understood()

    def remarks(self) -> list[str]:
        """Return what is left out of the table and why."""
        return self._source.remarks()

    def provenance(self) -> list[TrainingData]:
        """Return the data sets that the recordings are from."""
        return self._source.provenance()

    @contextmanager
    def _without_the_files_path(self) -> Iterator[None]:
        try:
            yield
        except RecordingError as error:
            raise RecordingError(str(error).replace(str(self._kept), HYPHEN)) from error


@contextmanager
def kept_standard_input(most_bytes: int = MOST_BYTES) -> Iterator[Path]:
    """Copy the standard input to a temporary file, which exists until the context ends.

    Parameters
    ----------
    most_bytes : int
        Most bytes that are kept.

    Raises
    ------
    RecordingError
        If the standard input is empty, a terminal, or has more bytes.
    OSError
        If the file cannot be written.
    """
    if sys.stdin is None or sys.stdin.isatty():
        what = "closed" if sys.stdin is None else "a terminal"
        raise RecordingError(f"-: the standard input is {what}: pipe a recording into it, or pass a path")
    with TemporaryDirectory(prefix="har-classify-") as folder:
        path = Path(folder) / NAME
        with naming(path), path.open("wb") as file:
            while piece := sys.stdin.buffer.read(_PIECE_BYTES):
                if file.tell() + len(piece) > most_bytes:
                    raise RecordingError(
                        f"-: the standard input has more than {most_bytes:,} bytes: save it as a file and pass that"
                    )
                file.write(piece)
            if not file.tell():
                raise RecordingError("-: the standard input is empty")
        yield path

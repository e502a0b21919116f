"""Keep what libraries print out of the terminal: in what TensorFlow, Spark and converters say, progress would drown."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO


class LibraryOutput:
    """Sends what this process and its children write to standard error to a file, as long as the block lasts.

    Parameters
    ----------
    log : Path
        It is appended to; its folder is made.

    Attributes
    ----------
    terminal : text file
        The real standard error, for what people shall see.
    """

    terminal: TextIO

    def __init__(self, log: Path) -> None:
        self._log = log
        self._real = -1

    def __enter__(self) -> Self:
        """Begin.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        self._real = os.dup(2)
        try:
            self.move(self._log)
        except OSError:
            os.close(self._real)
            raise
        self.terminal = os.fdopen(os.dup(self._real), "w", buffering=1)
        return self

    def move(self, log: Path) -> None:
        """Go on in another file.

        Raises
        ------
        OSError
            If it cannot be written; all goes on in the one before.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        sys.stderr.flush()
        opened = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(opened, 2)
        os.close(opened)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the terminal back."""
        del kind, error, trace
        sys.stderr.flush()
        os.dup2(self._real, 2)
        os.close(self._real)
        self.terminal.close()

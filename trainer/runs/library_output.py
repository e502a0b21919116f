"""Redirect the output of TensorFlow, Spark and the converters to a file, so that the terminal shows only progress."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO, cast

from har.process.log_format import JsonLines


class LibraryOutput:
    """Redirects standard error of this process and its children to a file for the duration of a block.

    Parameters
    ----------
    log : Path
        File to append to; its folder is created.
    json_of : str or None
        Name of the command whose output to people becomes lines of JSON; None to leave it as text.

    Attributes
    ----------
    terminal : text file
        The original standard error, for output to people.
    """

    terminal: TextIO

    def __init__(self, log: Path, *, json_of: str | None = None) -> None:
        self._log = log
        self._json_of = json_of
        self._real = -1

    def __enter__(self) -> Self:
        """Start redirecting.

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
        terminal = os.fdopen(os.dup(self._real), "w", buffering=1)
        self.terminal = terminal if self._json_of is None else cast("TextIO", JsonLines(terminal, self._json_of))
        return self

    def move(self, log: Path) -> None:
        """Redirect to another file.

        Raises
        ------
        OSError
            If the file cannot be written; the previous file stays in use.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        sys.stderr.flush()
        opened = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(opened, 2)
        os.close(opened)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Restore standard error."""
        del kind, error, trace
        sys.stderr.flush()
        os.dup2(self._real, 2)
        os.close(self._real)
        self.terminal.close()

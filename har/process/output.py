"""Standard output that fails: its reader has ended, as in ``har audit | head``, or the disk is full.

Python would print a traceback, and many commands would take the failure for one of their own files. Here it ends the
command: cleanly, since the exception is a `SystemExit`, and past every ``except OSError``.
"""

import io
import os
import select
import sys
from collections.abc import Callable

from har.process.ending import NOT_REACHED, OUTPUT_CLOSED, report_failure


class OutputFailedError(SystemExit):
    """Raised by a write to standard output that failed.

    Parameters
    ----------
    error : OSError
        The failure.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(OUTPUT_CLOSED if isinstance(error, BrokenPipeError) else NOT_REACHED)
        self.error = error


class _Output(io.TextIOWrapper):
    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as error:
            raise OutputFailedError(error) from error

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            raise OutputFailedError(error) from error


def run_with_output(run: Callable[[], int]) -> int:
    """Run a command whose end a failure of standard output brings about; return the exit status.

    So does standard error without a reader, as in ``har evaluate … 2>&1 | head``, unless the command handles it.
    A reader that has ended wants no more: nothing is printed. A write that fails for another reason is reported.
    """
    real = sys.stdout
    if real is None:  # closed by the caller: there is nowhere to write to
        return run()
    sys.stdout = _Output(
        # A terminal of another encoding shows what it lacks as \u2192, as Python does for standard error.
        real.buffer,
        encoding=real.encoding,
        errors="backslashreplace",
        line_buffering=bool(real.line_buffering),
    )
    try:
        try:
            return run()
        finally:
            sys.stdout.flush()
    except OutputFailedError as failed:
        _discard_rest(1)
        if not isinstance(failed.error, BrokenPipeError):
            report_failure("har", f"cannot write to standard output: {failed.error.strerror}")
        return int(str(failed.code))
    except BrokenPipeError:
        if _is_read(2):  # a connection of the command has ended
            raise
        _discard_rest(2)
        return OUTPUT_CLOSED


def _is_read(descriptor: int) -> bool:
    watched = select.poll()
    watched.register(descriptor, 0)
    return not any(events & select.POLLERR for _, events in watched.poll(0))


def _discard_rest(descriptor: int) -> None:
    """Let the interpreter, which flushes its output at its end, write to nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)

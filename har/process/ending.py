"""How a command ends: its exit status, and the line that says why it did not reach its purpose.

docs/commands.md lists for each command which of these statuses it ends with, and when.
"""

import logging
import sys
from contextlib import suppress

from har.process.log_format import writes_json

#: The command did what it is for. A service that is asked to stop has done so.
REACHED = 0
#: The command did not do what it is for, or only a part of it.
NOT_REACHED = 1
#: The command could not be tried: it was called wrongly, or a part of the installation is missing.
NOT_TRIED = 2
#: The command was interrupted (SIGINT, Ctrl-C) before it was done; what shells give a program that SIGINT ended.
INTERRUPTED = 130
#: The reader of standard output ended first, as in ``har audit | head``; what shells give a program without a reader.
OUTPUT_CLOSED = 141


def report_failure(command: str, reason: object) -> None:
    """Report on standard error why a command did not reach its purpose, as text, or as JSON if the log is JSON.

    Parameters
    ----------
    command : str
        The command, such as ``har gateway``.
    reason : object
        An error or a text.
    """
    if writes_json():
        logging.getLogger(__name__).error("%s", reason)
        return
    with suppress(OSError):  # there may be no reader any more
        print(f"{command}: {reason}", file=sys.stderr, flush=True)

"""Keep what libraries print out of the terminal: in what TensorFlow, Spark and converters say, progress would drown."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def kept_apart(log: Path) -> Iterator[TextIO]:
    """Send what this process and its children write to standard error to a file, and give the real standard error.

    Parameters
    ----------
    log : Path
        What was written is appended to it at the end, if its folder exists by then.

    Yields
    ------
    text file
        The terminal, for what people shall see.
    """
    sys.stderr.flush()
    real = os.dup(2)
    with tempfile.TemporaryFile() as written, os.fdopen(os.dup(real), "w", buffering=1) as terminal:
        os.dup2(written.fileno(), 2)
        try:
            yield terminal
        finally:
            sys.stderr.flush()
            os.dup2(real, 2)
            os.close(real)
            if log.parent.is_dir():
                written.seek(0)
                with log.open("ab") as kept:
                    shutil.copyfileobj(written, kept)

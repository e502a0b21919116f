"""Stopping a process for a while, as on a machine that hangs."""

import os
import signal
import subprocess
from typing import Any


def freeze(process: subprocess.Popen[Any]) -> None:
    """Stop a child process, and return once all its threads stand still.

    SIGSTOP alone is not enough: on a busy machine the other threads go on until the one that the signal was given to
    has had its turn.
    """
    process.send_signal(signal.SIGSTOP)
    if process.returncode is None:
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

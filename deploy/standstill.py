"""Freeze a process, as on a machine that hangs."""

import asyncio.subprocess
import os
import signal
import subprocess
from typing import Any


def freeze(process: subprocess.Popen[Any] | asyncio.subprocess.Process) -> None:
    """Stop a child process, and return when all its threads have stopped.

    Sending SIGSTOP is not enough: on a busy machine the other threads continue until the thread that received the
    signal is scheduled.
    """
    process.send_signal(signal.SIGSTOP)
    if process.returncode is None:
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

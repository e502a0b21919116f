"""Processes that end when the process that started them ends, even if that is killed."""

import contextlib
import os
import signal
import subprocess

#: Waits for the end of its input, which comes when the other end is closed, and kills its group. It ignores the
#: signals that a closing terminal sends to a group.
_WATCH = 'trap "" HUP INT TERM; read -r _; kill -KILL 0'


class Lifeline:
    """A process group whose members cannot outlive the process that made it.

    The leader is a shell that reads from a pipe. Only this process holds the other end. If this process ends, even
    by SIGKILL, the pipe closes and the shell kills the group. (Linux's parent-death signal would need no shell, but
    it is sent when the *thread* that started the child ends, and exists only on Linux.)
    """

    def __init__(self) -> None:
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", _WATCH], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, process_group=0
        )

    @property
    def group(self) -> int:
        """The process group to start programs in."""
        return self._shell.pid

    def cut(self) -> None:
        """Kill all processes that are left in the group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.group, signal.SIGKILL)
        assert self._shell.stdin is not None
        self._shell.stdin.close()
        self._shell.wait()

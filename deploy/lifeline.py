"""Processes that end when their owner does, however it ends."""

import contextlib
import os
import signal
import subprocess

#: Waits for the end of its input, which is when nobody holds the other end any more, and kills its group. The
#: signals that a closing terminal sends to a group are not for it.
_WATCH = 'trap "" HUP INT TERM; read -r _; kill -KILL 0'


class Lifeline:
    """A process group whose members cannot outlive the process that made it.

    The leader is a shell that reads from a pipe whose other end this process alone holds. If this process is
    gone, even by SIGKILL, the pipe closes and the shell kills the group. (Linux's parent-death signal would
    need no shell, but it is sent when the *thread* that started the child ends, and only on Linux.)
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
        """Kill whatever is left in the group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.group, signal.SIGKILL)
        assert self._shell.stdin is not None
        self._shell.stdin.close()
        self._shell.wait()

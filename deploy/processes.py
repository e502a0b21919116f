"""Running several programs as one: started in order, logs in one stream, stopped together, nothing left behind."""

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TextIO

STOP_SECONDS = 8.0
#: So many of a program's last lines are told if it ends by itself.
KEPT_LINES = 12
_LONGEST_LINE = 1024 * 1024


class ProcessEndedError(RuntimeError):
    """A program ended although it should run on."""


@dataclass(frozen=True)
class Program:
    """A running program."""

    name: str
    process: asyncio.subprocess.Process
    output: "asyncio.Task[None]"
    last_lines: deque[str]
    quiet: bool


class ProcessGroup:
    """Programs that run and end together.

    Each is the leader of a process group of its own, so that Ctrl-C reaches this group's owner alone, which
    then stops them in the reverse order of their start: those that send before those that receive.

    Parameters
    ----------
    log : TextIO
        Where the programs' output goes, line by line.
    """

    def __init__(self, log: TextIO | None = None) -> None:
        self._log = log or sys.stderr
        self._programs: list[Program] = []

    async def start(self, name: str, arguments: list[str], *, quiet: bool = False) -> Program:
        """Start a program; if it is `quiet`, its output is only shown should it end by itself.

        Raises
        ------
        OSError
            If it cannot be started.
        """
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            limit=_LONGEST_LINE,
        )
        last_lines: deque[str] = deque(maxlen=KEPT_LINES)
        copying = asyncio.create_task(self._copy_output(name, process, last_lines, quiet))
        program = Program(name, process, copying, last_lines, quiet)
        self._programs.append(program)
        return program

    async def wait_until(self, program: Program, ready: Callable[[], Awaitable[None]], seconds: float) -> None:
        """Wait until `ready` returns.

        Raises
        ------
        ProcessEndedError
            If the program ends before.
        TimeoutError
            If it takes longer than `seconds`.
        """
        waiting = asyncio.ensure_future(ready())
        ended = asyncio.create_task(program.process.wait())
        try:
            async with asyncio.timeout(seconds):
                await asyncio.wait((waiting, ended), return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                raise await _unexpected_end(program, " while starting")
            await waiting
        except TimeoutError:
            raise TimeoutError(f"{program.name} was not ready after {seconds:g} s") from None
        finally:
            waiting.cancel()
            ended.cancel()

    async def wait_for_any_end(self) -> None:
        """Wait until one program ends.

        Raises
        ------
        ProcessEndedError
            When it does.
        """
        ends = {asyncio.create_task(program.process.wait()): program for program in self._programs}
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            first = next(iter(done))
            raise await _unexpected_end(ends[first])
        finally:
            for waiting in ends:
                waiting.cancel()

    async def stop(self, program: Program) -> int:
        """Stop one program: SIGTERM, then SIGKILL to all it started; return its exit status."""
        process = program.process
        if process.returncode is None:
            _signal(process.pid, signal.SIGTERM)
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await process.wait()
            except TimeoutError:
                self._write(f"{program.name} did not stop within {STOP_SECONDS:g} s and is killed")
        _signal(process.pid, signal.SIGKILL)
        status = await process.wait()
        await asyncio.gather(program.output, return_exceptions=True)
        if program in self._programs:
            self._programs.remove(program)
        return status

    async def stop_all(self) -> None:
        """Stop all programs: first the services, side by side, then the servers that they use."""
        for quiet in (False, True):
            programs = [program for program in self._programs if program.quiet == quiet]
            await asyncio.gather(*(self.stop(program) for program in programs), return_exceptions=True)

    async def _copy_output(
        self, name: str, process: asyncio.subprocess.Process, last_lines: deque[str], quiet: bool
    ) -> None:
        assert process.stdout is not None
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:
                line = b"(a line too long to show)"
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            last_lines.append(text)
            if not quiet:
                # Our own services name themselves; the others' lines are told apart here.
                self._write(text if f" {name}" in text[:32] else f"{name}: {text}")

    def _write(self, text: str) -> None:
        # Whoever read our output may be gone; the programs must be stopped all the same.
        with contextlib.suppress(OSError, ValueError):
            self._log.write(f"{text}\n")
            self._log.flush()


async def _unexpected_end(program: Program, when: str = "") -> ProcessEndedError:
    status = await program.process.wait()
    await program.output
    said = "\n  ".join(["", *program.last_lines]) if program.last_lines else ""
    return ProcessEndedError(f"{program.name} ended with status {status}{when}{said}")


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)

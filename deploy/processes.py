"""Running several programs as one: started in order, logs in one stream, stopped together, nothing left behind."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TextIO

STOP_SECONDS = 8.0
#: Pauses before a program is started again; they grow while it ends soon after its start.
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
STEADY_SECONDS = 10.0
#: So many of a program's last lines are told if it ends by itself.
KEPT_LINES = 12
_LONGEST_LINE = 1024 * 1024


class ProcessEndedError(RuntimeError):
    """A program ended although it should run on."""


@dataclass
class Program:
    """A running program.

    Attributes
    ----------
    name : str
        What it is called in logs.
    arguments : list of str
        Its command line.
    quiet : bool
        Whether its output is shown only if it ends by itself.
    process : asyncio.subprocess.Process
        The present process; another one after each start.
    output : asyncio.Task
        Copies its output until it ends.
    last_lines : deque of str
        The latest lines of its output.
    starts : int
        How often it was started.
    stopping : asyncio.Event
        Set when it is to end for good.
    supervisor : asyncio.Task or None
        Starts it again when it ends by itself.
    """

    name: str
    arguments: list[str]
    quiet: bool
    process: asyncio.subprocess.Process
    output: "asyncio.Task[None]"
    last_lines: deque[str]
    starts: int = 1
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    supervisor: "asyncio.Task[None] | None" = None


class ProcessGroup:
    """Programs that run and end together.

    Each is the leader of a process group of its own, so that Ctrl-C reaches this group's owner alone, which
    then stops them in the reverse order of their start: those that send before those that receive.

    Parameters
    ----------
    log : TextIO
        Where the programs' output goes, line by line.
    environment : mapping of str to str
        What the programs find in theirs besides what is in ours: secrets do not belong on command lines.
    """

    def __init__(self, log: TextIO | None = None, environment: Mapping[str, str] | None = None) -> None:
        self._log = log or sys.stderr
        self._environment = {**os.environ, **(environment or {})}
        self._programs: list[Program] = []

    async def start(self, name: str, arguments: list[str], *, quiet: bool = False) -> Program:
        """Start a program; if it is `quiet`, its output is only shown should it end by itself.

        Raises
        ------
        OSError
            If it cannot be started.
        """
        last_lines: deque[str] = deque(maxlen=KEPT_LINES)
        process = await _launch(arguments, self._environment)
        copying = asyncio.create_task(self._copy_output(name, process, last_lines, quiet))
        program = Program(name, arguments, quiet, process, copying, last_lines)
        self._programs.append(program)
        return program

    def supervise(self, program: Program) -> None:
        """Start a program again from now on whenever it ends by itself, until it is stopped."""
        program.supervisor = asyncio.create_task(self._keep_running(program))

    async def _keep_running(self, program: Program) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not program.stopping.is_set():
            began = time.monotonic()
            status = await program.process.wait()
            if time.monotonic() - began > STEADY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(program.stopping.wait(), pause)
            if program.stopping.is_set():
                return
            self._write(f"{program.name} ended with status {status} and is started again")
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            _signal(program.process.pid, signal.SIGKILL)  # what it started must not outlive it
            await program.output
            try:
                program.process = await _launch(program.arguments, self._environment)
            except OSError as error:
                self._write(f"{program.name} cannot be started: {error}")
                continue
            program.starts += 1
            program.output = asyncio.create_task(
                self._copy_output(program.name, program.process, program.last_lines, program.quiet)
            )

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
        """Wait until one program ends that is not supervised.

        Raises
        ------
        ProcessEndedError
            When it does.
        """
        unsupervised = [program for program in self._programs if program.supervisor is None]
        ends = {asyncio.create_task(program.process.wait()): program for program in unsupervised}
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            first = next(iter(done))
            raise await _unexpected_end(ends[first])
        finally:
            for waiting in ends:
                waiting.cancel()

    async def stop(self, program: Program) -> int:
        """Stop one program: SIGTERM, then SIGKILL to all it started; return its exit status."""
        program.stopping.set()
        status = await self._end(program)
        if program.supervisor is not None:
            await program.supervisor
            status = await self._end(program)  # it may just have been started again
        await asyncio.gather(program.output, return_exceptions=True)
        if program in self._programs:
            self._programs.remove(program)
        return status

    async def _end(self, program: Program) -> int:
        process = program.process
        if process.returncode is None:
            _signal(process.pid, signal.SIGTERM)
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await process.wait()
            except TimeoutError:
                self._write(f"{program.name} did not stop within {STOP_SECONDS:g} s and is killed")
        _signal(process.pid, signal.SIGKILL)
        return await process.wait()

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


async def _launch(arguments: list[str], environment: Mapping[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        env=environment,
        limit=_LONGEST_LINE,
    )


async def _unexpected_end(program: Program, when: str = "") -> ProcessEndedError:
    status = await program.process.wait()
    await program.output
    said = "\n  ".join(["", *program.last_lines]) if program.last_lines else ""
    return ProcessEndedError(f"{program.name} ended with status {status}{when}{said}")


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)

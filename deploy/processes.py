"""Run several programs as a group: one stream of logs, restarts, and a common stop that leaves no process behind."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TextIO

from har.process.back_off import BackOff
from har.process.log_format import JsonFormat

#: How long a program may take to stop before it is killed, s.
STOP_SECONDS = 8.0
#: Pauses before a restart, s; they double while the program runs shorter than `STEADY_SECONDS`.
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
STEADY_SECONDS = 10.0
#: How many of its last lines an error quotes if a program ends by itself.
KEPT_LINES = 12
_LONGEST_LINE = 1024 * 1024
#: Where a line of our own services has their name: after the time, which has 29 characters.
_HEAD_CHARACTERS = 48


class ProcessEndedError(RuntimeError):
    """A program ended by itself."""


@dataclass
class Program:
    """A running program.

    Attributes
    ----------
    name : str
        Its name in logs.
    arguments : list of str
        Its command line.
    quiet : bool
        Whether its output is shown only if it ends by itself.
    process : asyncio.subprocess.Process
        The current process; a new one after each restart.
    output : asyncio.Task
        Copies its output to the log until it ends.
    last_lines : deque of str
        The latest lines of its output.
    starts : int
        Number of starts.
    stopping : asyncio.Event
        Set when it must stop and not be restarted.
    supervisor : asyncio.Task or None
        Restarts it when it ends by itself; None if it is not supervised.
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
    """Programs that run and stop together.

    Each leads its own process group, so that Ctrl-C reaches only the owner of this object, which then stops the
    services first and the servers that they use after them.

    Parameters
    ----------
    log : TextIO
        Receives the programs' output, line by line; standard error by default.
    as_json : bool
        Whether every line is a JSON object. Those of programs that do not write JSON are put into one.
    environment : mapping of str to str
        Environment variables of the programs, in addition to ours. Pass secrets here, not on command lines.
    """

    def __init__(
        self,
        log: TextIO | None = None,
        environment: Mapping[str, str] | None = None,
        *,
        as_json: bool = False,
    ) -> None:
        self._log = log or sys.stderr
        self._as_json = as_json
        self._environment = {**os.environ, **(environment or {})}
        self._programs: list[Program] = []

    async def start(self, name: str, arguments: list[str], *, quiet: bool = False) -> Program:
        """Start a program; the output of a `quiet` one is shown only if it ends by itself.

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
        """Restart a program whenever it ends by itself, until it is stopped."""
        program.supervisor = asyncio.create_task(self._keep_running(program))

    async def _keep_running(self, program: Program) -> None:
        back_off = BackOff(FIRST_PAUSE_SECONDS, longest=LONGEST_PAUSE_SECONDS)
        while not program.stopping.is_set():
            began = time.monotonic()
            status = await program.process.wait()
            if time.monotonic() - began > STEADY_SECONDS:
                back_off.reset()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(program.stopping.wait(), back_off.next_pause())
            if program.stopping.is_set():
                return
            self._report(program.name, f"{program.name} ended with status {status}, restarting it")
            _signal(program.process.pid, signal.SIGKILL)  # its children must not outlive it
            await program.output
            try:
                program.process = await _launch(program.arguments, self._environment)
            except OSError as error:
                self._report(program.name, f"{program.name} cannot be restarted: {error}")
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
            If the program ends first.
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
        """Wait until a program ends that is not supervised.

        Raises
        ------
        ProcessEndedError
            Always, when it ends.
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
        """Stop one program with SIGTERM, kill its process group, and return its exit status."""
        program.stopping.set()
        status = await self._end(program)
        if program.supervisor is not None:
            await program.supervisor
            status = await self._end(program)  # it may just have been restarted
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
                self._write(f"{program.name} did not stop within {STOP_SECONDS:g} s, killing it")
        _signal(process.pid, signal.SIGKILL)
        return await process.wait()

    async def stop_all(self) -> None:
        """Stop all programs: first the services, in parallel, then the servers that they use."""
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
                self._copy_line(name, text)

    def _copy_line(self, name: str, text: str) -> None:
        # Our own services log their names; the lines of other programs get theirs here.
        if self._as_json:
            self._write(text if text.startswith('{"time":') else _json_line(name, logging.INFO, text))
        else:
            self._write(text if f" {name}" in text[:_HEAD_CHARACTERS] else f"{name}: {text}")

    def _report(self, name: str, text: str) -> None:
        self._write(_json_line(name, logging.WARNING, text) if self._as_json else text)

    def _write(self, text: str) -> None:
        # The reader of our output may be gone; the programs must be stopped all the same.
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
    quoted = "\n  ".join(["", *program.last_lines]) if program.last_lines else ""
    return ProcessEndedError(f"{program.name} ended with status {status}{when}{quoted}")


def _json_line(name: str, level: int, text: str) -> str:
    return JsonFormat(name).format(logging.LogRecord(__name__, level, "", 0, "%s", (text,), None))


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)

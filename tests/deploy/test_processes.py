import asyncio
import io
import sys
from collections.abc import Mapping

import psutil
import pytest

from deploy import processes
from deploy.ports import free_port
from deploy.processes import ProcessEndedError, ProcessGroup


def python(program: str) -> list[str]:
    return [sys.executable, "-u", "-c", program]


class ClosedOutput(io.StringIO):
    """An output whose reader is gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


FOREVER = "import time\nwhile True: print('alive'); time.sleep(0.05)"
STUBBORN = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up')\ntime.sleep(600)"


async def test_all_programs_stop_even_if_the_reader_of_the_output_is_gone():
    group = ProcessGroup(ClosedOutput())
    programs = [await group.start("a", python(FOREVER)), await group.start("b", python(FOREVER), quiet=True)]
    pids = [program.process.pid for program in programs]
    await asyncio.sleep(0.3)
    await group.stop_all()
    assert not any(psutil.pid_exists(pid) for pid in pids)


async def test_a_program_that_ignores_sigterm_is_killed(monkeypatch):
    monkeypatch.setattr("deploy.processes.STOP_SECONDS", 0.5)
    log = io.StringIO()
    group = ProcessGroup(log)
    program = await group.start("deaf", python(STUBBORN))
    while "up" not in log.getvalue():
        await asyncio.sleep(0.02)
    await group.stop_all()
    assert not psutil.pid_exists(program.process.pid)
    assert "deaf did not stop" in log.getvalue()


async def test_a_quiet_program_that_ends_by_itself_is_quoted():
    group = ProcessGroup(io.StringIO())
    program = await group.start("server", python("print('no space left'); raise SystemExit(3)"), quiet=True)

    async def never() -> None:
        await asyncio.Event().wait()

    with pytest.raises(ProcessEndedError, match=r"server ended with status 3 while starting\n  no space left"):
        await group.wait_until(program, never, 10)


async def test_a_supervised_program_is_restarted_until_it_is_stopped():
    log = io.StringIO()
    group = ProcessGroup(log)
    program = await group.start("service", python(FOREVER))
    group.supervise(program)
    for starts in (2, 3):
        program.process.kill()
        async with asyncio.timeout(10):
            while program.starts < starts:
                await asyncio.sleep(0.02)
    last = program.process.pid
    await group.stop(program)
    assert not psutil.pid_exists(last)
    assert program.starts == 3
    assert "service ended with status -9, restarting it" in log.getvalue()


async def test_a_program_that_is_stopped_during_its_restart_stays_stopped(monkeypatch):
    group, launching, may_launch = ProcessGroup(io.StringIO()), asyncio.Event(), asyncio.Event()
    program = await group.start("service", python(FOREVER))

    async def launch_slowly(arguments: list[str], environment: Mapping[str, str]) -> asyncio.subprocess.Process:
        launching.set()
        await may_launch.wait()
        return await launch(arguments, environment)

    launch = processes._launch
    monkeypatch.setattr(processes, "_launch", launch_slowly)
    group.supervise(program)
    program.process.kill()
    await asyncio.wait_for(launching.wait(), 10)
    stopping = asyncio.create_task(group.stop(program))
    await asyncio.sleep(0.1)
    may_launch.set()
    await asyncio.wait_for(stopping, 10)
    assert not psutil.pid_exists(program.process.pid)


async def test_a_restart_that_fails_is_tried_again(monkeypatch):
    log = io.StringIO()
    group, failures = ProcessGroup(log), [OSError("no memory"), OSError("no memory")]
    program = await group.start("service", python(FOREVER))

    async def launch_after_failures(arguments: list[str], environment: Mapping[str, str]) -> asyncio.subprocess.Process:
        if failures:
            raise failures.pop()
        return await launch(arguments, environment)

    launch = processes._launch
    monkeypatch.setattr(processes, "_launch", launch_after_failures)
    group.supervise(program)
    program.process.kill()
    async with asyncio.timeout(10):
        while program.starts < 2:
            await asyncio.sleep(0.02)
    await group.stop(program)
    assert log.getvalue().count("cannot be restarted: no memory") == 2


def test_a_port_in_use_is_skipped():
    taken: set[int] = set()
    first = free_port(45_000, taken=taken)
    assert first >= 45_000
    assert free_port(first, taken=taken) != first

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


class Gone(io.StringIO):
    """An output whose reader has left."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


FOREVER = "import time\nwhile True: print('alive'); time.sleep(0.05)"
STUBBORN = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up')\ntime.sleep(600)"


async def test_everything_is_stopped_even_if_nobody_reads_the_output_any_more():
    group = ProcessGroup(Gone())
    programs = [await group.start("a", python(FOREVER)), await group.start("b", python(FOREVER), quiet=True)]
    pids = [program.process.pid for program in programs]
    await asyncio.sleep(0.3)
    await group.stop_all()
    assert not any(psutil.pid_exists(pid) for pid in pids)


async def test_what_ignores_being_asked_is_killed(monkeypatch):
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


async def test_a_supervised_program_that_ends_is_started_again_until_it_is_stopped():
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
    assert "service ended with status -9 and is started again" in log.getvalue()


async def test_a_program_that_is_stopped_while_it_is_started_again_stays_stopped(monkeypatch):
    group, launching, go_on = ProcessGroup(io.StringIO()), asyncio.Event(), asyncio.Event()
    program = await group.start("service", python(FOREVER))

    async def launch_slowly(arguments: list[str], environment: Mapping[str, str]) -> asyncio.subprocess.Process:
        launching.set()
        await go_on.wait()
        return await launch(arguments, environment)

    launch = processes._launch
    monkeypatch.setattr(processes, "_launch", launch_slowly)
    group.supervise(program)
    program.process.kill()
    await asyncio.wait_for(launching.wait(), 10)
    stopping = asyncio.create_task(group.stop(program))
    await asyncio.sleep(0.1)
    go_on.set()
    await asyncio.wait_for(stopping, 10)
    assert not psutil.pid_exists(program.process.pid)


async def test_a_program_that_cannot_be_started_again_is_tried_again(monkeypatch):
    log = io.StringIO()
    group, failures = ProcessGroup(log), [OSError("no memory"), OSError("no memory")]
    program = await group.start("service", python(FOREVER))

    async def launch_at_last(arguments: list[str], environment: Mapping[str, str]) -> asyncio.subprocess.Process:
        if failures:
            raise failures.pop()
        return await launch(arguments, environment)

    launch = processes._launch
    monkeypatch.setattr(processes, "_launch", launch_at_last)
    group.supervise(program)
    program.process.kill()
    async with asyncio.timeout(10):
        while program.starts < 2:
            await asyncio.sleep(0.02)
    await group.stop(program)
    assert log.getvalue().count("cannot be started: no memory") == 2


def test_a_busy_port_is_passed_over():
    taken: set[int] = set()
    first = free_port(45_000, taken=taken)
    assert first >= 45_000
    assert free_port(first, taken=taken) != first

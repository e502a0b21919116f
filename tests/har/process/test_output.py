"""A command whose standard output fails, each in a process of its own."""

import os
import subprocess
import sys

import pytest

from har.process.ending import NOT_REACHED, OUTPUT_CLOSED

PROGRAM = """
import sys
from har.process.output import run_with_output

def run():
    try:
        {write}
    except (OSError, Exception):
        print("the command took it for an error of its own", file=sys.stderr)
    return 0

sys.exit(run_with_output(run))
"""
WRITES = [
    pytest.param("print('x')", id="at the end"),
    pytest.param("print('x' * 1_000_000)", id="while it writes"),
    pytest.param("print('x', flush=True)", id="in a flush"),
    pytest.param("print('help'); sys.exit(0)", id="before it exits by itself"),
]


def run(write: str, output: int) -> tuple[int, str]:
    """Run a program with a file descriptor as its standard output; return its status and standard error."""
    words = [sys.executable, "-c", PROGRAM.format(write=write)]
    ran = subprocess.run(words, stdout=output, stderr=subprocess.PIPE, text=True, timeout=60)
    return ran.returncode, ran.stderr


@pytest.mark.parametrize("write", WRITES)
def test_a_reader_that_has_ended_ends_the_command_without_a_message(write):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert run(write, writing) == (OUTPUT_CLOSED, "")
    finally:
        os.close(writing)


@pytest.mark.parametrize("write", WRITES)
def test_a_full_disk_is_reported(write):
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        status, errors = run(write, full)
    finally:
        os.close(full)
    assert status == NOT_REACHED
    assert errors == "har: cannot write to standard output: No space left on device\n"


def test_a_terminal_without_unicode_is_no_traceback():
    words = [sys.executable, "-c", PROGRAM.format(write=r"print('sit \u2192 walk')")]
    ran = subprocess.run(words, env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (0, rb"sit \u2192 walk" + b"\n")


@pytest.mark.parametrize(("read", "status"), [(False, OUTPUT_CLOSED), (True, 1)])
def test_a_reader_of_standard_error_that_has_ended_is_told_from_a_connection(read, status):
    program = """
import sys
from har.process.output import run_with_output

def run():
    print("x", file=sys.stderr, flush=True)
    raise BrokenPipeError("of a connection")

sys.exit(run_with_output(run))
"""
    reading, writing = os.pipe()
    if not read:
        os.close(reading)
    try:
        assert subprocess.run([sys.executable, "-c", program], stderr=writing, timeout=60).returncode == status
    finally:
        os.close(writing)
        if read:
            os.close(reading)

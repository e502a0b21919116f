"""A test that leaves something behind fails itself, instead of the next one."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = """\
import pytest
from tests import leftovers

leftovers.THREADS_END_WITHIN_SECONDS = 0.01

@pytest.fixture(autouse=True)
def _nothing_left():
    with leftovers.nothing_left():
        yield

def pytest_collection_finish():
    leftovers.exclude_imported_objects()
"""
SOCKET = """\
import socket

def test_culprit():
    kept = [socket.socket()]
    kept.append(kept)  # only the garbage collector finds it

def test_innocent():
    pass
"""
THREAD = """\
import threading

stop = threading.Event()

def test_culprit():
    threading.Thread(target=stop.wait).start()

def test_innocent():
    stop.set()
"""


@pytest.mark.parametrize("tests", [pytest.param(SOCKET, id="socket"), pytest.param(THREAD, id="thread")])
def test_the_test_that_leaves_something_behind_fails(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tests: str
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(tests)
    pytester.makepyprojecttoml('[tool.pytest.ini_options]\nfilterwarnings = ["error"]')

    run = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-v")

    run.stdout.fnmatch_lines(["*test_culprit ERROR*", "*test_innocent PASSED*"])
    run.assert_outcomes(passed=2, errors=1)

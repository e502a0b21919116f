"""The parameter server's threads get short time slices, where the system has them."""

import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

KERNEL = tuple(map(int, re.findall(r"\d+", platform.release())[:2]))
_PROGRAM = """
import os, threading
from trainer.distributed.time_slices import ask_for_short_slices
def slice_of(thread):
    with open(f"/proc/self/task/{thread}/sched") as lines:
        return next(float(line.split(":")[1]) for line in lines if line.startswith("se.slice"))
found = [ask_for_short_slices(), os.nice(0)]
later = threading.Thread(target=lambda: found.extend(map(slice_of, (os.getpid(), threading.get_native_id()))))
later.start()
later.join()
print(*found)
"""


@pytest.mark.skipif(not Path("/proc/self/sched").exists(), reason="this system does not show its threads' time slices")
@pytest.mark.skipif(KERNEL < (6, 12), reason="this kernel knows no time slice of a thread's own")
def test_this_thread_and_later_ones_get_short_slices_at_the_priority_that_they_had() -> None:
    # A process of its own: the tests keep their slices.
    done = subprocess.run(
        ["nice", "-n", "5", sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "5", "100000.0", "100000.0"]

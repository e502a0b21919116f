"""All threads of a frozen process stop, also on a busy machine."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import standstill

#: More busy threads than cores; hashing releases the interpreter's lock.
_BUSY = """
import hashlib, threading
block = bytes(10_000_000)
def work():
    while True:
        hashlib.sha256(block)
for _ in range(8):
    threading.Thread(target=work).start()
print("busy", flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads' states are read from /proc")
def test_no_thread_of_a_frozen_process_continues():
    with subprocess.Popen([sys.executable, "-c", _BUSY], stdout=subprocess.PIPE) as process:
        try:
            process.stdout.readline()
            for _ in range(20):
                standstill.freeze(process)
                tasks = Path(f"/proc/{process.pid}/task").iterdir()
                states = [(task / "stat").read_text().rpartition(") ")[2][0] for task in tasks]
                assert set(states) == {"T"}, states
                process.send_signal(signal.SIGCONT)
            standstill.freeze(process)
            standstill.freeze(process)  # it is frozen already
        finally:
            process.kill()
    standstill.freeze(process)  # it is gone

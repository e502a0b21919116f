"""Publish in processes that are killed before their first, second, … file operation."""

import subprocess
import sys
from pathlib import Path

#: A process that forks, because starting one afresh each time takes long. `publish` stands for an act on `attempt`.
_PROGRAM = """
import os, shutil, signal, sys
from pathlib import Path

store, arguments = Path(sys.argv[1]), sys.argv[2:]

{publish}

def publish_until(change, attempt):
    left = change

    def watch(event, arguments):
        nonlocal left
        changes = event in ("os.rename", "os.mkdir", "os.truncate", "os.remove") or (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        )
        if changes and str(arguments[0]).startswith(str(attempt)):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    publish_into(attempt)

for change in range(1, 200):
    attempt = store.with_name(f"store-{{change:03}}")
    shutil.copytree(store, attempt)
    child = os.fork()
    if not child:
        publish_until(change, attempt)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status == 0:
        break
    assert os.WTERMSIG(status) == signal.SIGKILL, status
"""


def killed_before_each_change(publish: str, store: Path, *arguments: Path, timeout: float) -> list[Path]:
    """Publish into copies of a store: killed before the first change in the first copy, and so on.

    Parameters
    ----------
    publish : str
        Python that defines ``publish_into(store)``; it may use `Path` and the texts ``arguments``.
    store : Path
        What is copied; the copies are beside it.
    arguments : Path
        For `publish`.
    timeout : float
        When it must be done, s.

    Returns
    -------
    list of Path
        The copies, in order; the last one was finished.
    """
    words = [sys.executable, "-c", _PROGRAM.format(publish=publish), store, *arguments]
    subprocess.run(words, check=True, timeout=timeout)
    return sorted(store.parent.glob("store-*"))

"""What took hours to make is on the disk, and not only with the system, before it has its name."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainer.distributed.weights import save_weights
from trainer.preparation.writing import prepared_folder


class Weights:
    """Of a network, all that is asked here."""

    def get_weights(self) -> list[Any]:
        """Return some."""
        return [np.ones(3, np.float32)]


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The files and folders that were waited for, by their numbers, which stay when they are renamed."""
    numbers: list[int] = []
    waiting = os.fsync

    def note(descriptor: int) -> None:
        numbers.append(os.fstat(descriptor).st_ino)
        waiting(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    return numbers


def test_weights_are_on_the_disk(tmp_path: Path, synced: list[int]) -> None:
    file = tmp_path / "weights.npz"
    save_weights(Weights(), file)
    assert synced == [file.stat().st_ino, tmp_path.stat().st_ino]


def test_a_prepared_folder_is_on_the_disk_with_all_that_is_in_it(tmp_path: Path, synced: list[int]) -> None:
    output = tmp_path / "prepared"
    with prepared_folder(output) as folder:
        (folder / "split=train").mkdir()
        (folder / "split=train" / "pieces.parquet").write_bytes(b"pieces")
        (folder / "prepared.json").write_bytes(b"{}")
    wanted = {entry.stat().st_ino for entry in [output, *output.rglob("*")]}
    assert len(wanted) == 4
    assert wanted <= set(synced[:-1])
    assert synced[-1] == tmp_path.stat().st_ino  # its name, at last

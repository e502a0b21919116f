"""Results of long computations are synced to disk before they get their names."""

import os
from pathlib import Path

import numpy as np
import pytest

from trainer.distributed.weights import save_weights
from trainer.preparation.writing import prepared_folder


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The inodes of synced files and folders, which stay the same when these are renamed."""
    inodes: list[int] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        inodes.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    return inodes


def test_weights_are_synced(tmp_path: Path, synced: list[int]) -> None:
    file = tmp_path / "weights.npz"
    save_weights([np.ones(3, np.float32)], file)
    assert synced == [file.stat().st_ino, tmp_path.stat().st_ino]


def test_a_prepared_folder_is_synced_with_all_its_files(tmp_path: Path, synced: list[int]) -> None:
    output = tmp_path / "prepared"
    with prepared_folder(output) as folder:
        (folder / "split=train").mkdir()
        (folder / "split=train" / "pieces.parquet").write_bytes(b"pieces")
        (folder / "prepared.json").write_bytes(b"{}")
    expected = {entry.stat().st_ino for entry in [output, *output.rglob("*")]}
    assert len(expected) == 4
    assert expected <= set(synced[:-1])
    assert synced[-1] == tmp_path.stat().st_ino  # the renaming comes last

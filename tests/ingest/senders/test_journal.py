import numpy as np
import pytest

from ingest.senders.journal import Journal, JournalError, read_journals
from tests.batches import live_batches


def test_a_journal_returns_acknowledged_batches_and_survives_an_incomplete_entry(tmp_path):
    batches = live_batches(4)
    with Journal(tmp_path, "phone-1", "s1") as journal:
        for batch in batches:
            journal.write(batch, np.array(["walk"] * len(batch)))
    path = next(tmp_path.iterdir())
    path.write_bytes(path.read_bytes()[:-10])
    ((recording, count),) = read_journals(tmp_path)
    assert count == 3
    assert recording.times.tolist() == np.concatenate([batch.times for batch in batches[:3]]).tolist()
    assert set(recording.labels) == {"walk"}
    with Journal(tmp_path, "phone-1", "s1") as journal:
        journal.write(batches[3], np.array(["sit"] * len(batches[3])))
    ((recording, count),) = read_journals(tmp_path)
    assert count == 4
    assert set(recording.labels) == {"walk", "sit"}


@pytest.mark.parametrize(("place", "flipped"), [(4, 0xFF), (-1, 0x80)], ids=["structure", "text"])
def test_a_damaged_journal_is_rejected(tmp_path, place, flipped):
    with Journal(tmp_path, "phone-1", "s1") as journal:
        for batch in live_batches(2):
            journal.write(batch, np.array(["walk"] * len(batch)))
    path = next(tmp_path.iterdir())
    damaged = bytearray(path.read_bytes())
    damaged[place] ^= flipped
    path.write_bytes(damaged)
    with pytest.raises(JournalError, match="damaged"):
        list(read_journals(tmp_path))

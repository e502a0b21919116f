import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_processor.ledger import PartitionLedger


@given(st.data())
def test_events_are_acknowledged_in_order_and_never_past_an_unfinished_one(data):
    offsets = sorted(data.draw(st.sets(st.integers(0, 500), min_size=1, max_size=60)))  # a log may have holes
    ledger = PartitionLedger[int]()
    acknowledged: list[int] = []
    received: list[int] = []
    finished: set[int] = set()
    for offset in offsets:
        ledger.receive(offset, offset)
        received.append(offset)
        for finishing in data.draw(st.lists(st.sampled_from(tuple(received)), max_size=3)):
            finished.add(finishing)
            acknowledged += ledger.finish(finishing)
            prefix = next((n for n, o in enumerate(received) if o not in finished), len(received))
            assert acknowledged == received[:prefix]
            assert ledger.oldest_unfinished == (received[prefix] if prefix < len(received) else None)
    for offset in offsets:
        acknowledged += ledger.finish(offset)
    assert acknowledged == offsets
    assert len(ledger) == 0


def test_one_device_held_among_many_holds_the_commit():
    ledger = PartitionLedger[str]()
    for offset in range(200):
        ledger.receive(offset, f"event {offset}")
    done = [event for offset in range(1, 200) for event in ledger.finish(offset)]
    assert done == []
    assert len(ledger.finish(0)) == 200


def test_a_partition_read_again_needs_a_new_ledger():
    ledger = PartitionLedger[str]()
    ledger.receive(5, "a")
    with pytest.raises(ValueError, match="offset 5 after 5"):
        ledger.receive(5, "a")

from har.topics import DAY_MS
from ingest.archive.forgotten import KEPT_US, Forgotten
from ingest.archive.seen import MARGIN_US, SeenNumbers

KEPT_US_OF_TOPIC = 7 * DAY_MS * 1000


def test_new_entries_restore_everything_that_was_seen():
    seen, read = SeenNumbers(KEPT_US_OF_TOPIC), SeenNumbers(KEPT_US_OF_TOPIC)
    for step in range(3):
        for number in range(4):
            assert seen.add("a", 4 * step + number, 0, 100 * step)
        for entry in seen.new_entries():
            read.merge(entry)
        seen.mark_committed()
    assert not seen.new_entries()
    assert not any(read.add("a", number, 0, 500) for number in range(12))
    assert read.add("a", 12, 0, 500)


def test_a_session_is_dropped_only_once_its_own_partition_has_moved_on_for_long_enough():
    seen = SeenNumbers(KEPT_US_OF_TOPIC)
    seen.add("silent", 0, 0, 0)
    seen.add("elsewhere", 0, 1, 0)
    seen.mark_committed()
    seen.add("busy", 0, 0, KEPT_US_OF_TOPIC + MARGIN_US)
    assert {entry.key for entry in seen.snapshot()} == {"silent", "elsewhere", "busy"}
    seen.add("busy", 1, 0, KEPT_US_OF_TOPIC + MARGIN_US + 1)
    assert {entry.key for entry in seen.snapshot()} == {"elsewhere", "busy"}
    assert len(seen) == 2


def test_old_messages_of_a_forgotten_device_are_kept_out_and_new_sessions_are_accepted():
    forgotten = Forgotten()
    assert not forgotten.keeps_out("phone", "s1", arrived=1, oldest=1)
    forgotten.forget("phone", ["s1"], 100)
    assert forgotten.keeps_out("phone", "s1", arrived=200, oldest=200)  # it was archived before
    assert forgotten.keeps_out("phone", "s2", arrived=99, oldest=99)  # not archived yet
    assert forgotten.keeps_out("phone", "s2", arrived=200, oldest=200)  # a later message of the same session
    assert forgotten.keeps_out("phone", "s3", arrived=200, oldest=99)  # sent late
    assert not forgotten.keeps_out("phone", "s4", arrived=200, oldest=100)
    assert not forgotten.keeps_out("other", "s1", arrived=1, oldest=1)
    read = Forgotten()
    read.merge(forgotten.devices, forgotten.sessions)
    assert read.keeps_out("phone", "s2", arrived=200, oldest=200)
    forgotten.drop_old(100 + KEPT_US + 1)
    assert not forgotten


def test_a_batch_of_several_numbers_is_one_range():
    seen = SeenNumbers(KEPT_US_OF_TOPIC)
    for number in range(0, 640, 64):
        assert seen.add("a", number, 0, 100, 64)
        assert not seen.add("a", number, 0, 100, 64)
    (entry,) = seen.new_entries()
    assert entry.ranges == ((0, 639),)

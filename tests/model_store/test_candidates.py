"""How many candidates were judged since the last publication."""

import threading

import pytest

from har.releases import ReleaseError
from model_store.candidates import count_candidate


def test_candidates_are_counted_since_the_last_publication(tmp_path):
    store = tmp_path / "store"
    assert count_candidate(store, "one", "w1", against=None) == 1
    assert [count_candidate(store, name, name, against="one") for name in ("two", "three", "four")] == [1, 2, 3]
    assert count_candidate(store, "five", "w5", against="four") == 1


def test_a_candidate_that_is_judged_again_counts_once_and_another_of_its_name_for_itself(tmp_path):
    for again in range(2):
        assert count_candidate(tmp_path, "best", "first weights", against="one") == 1, again
    assert count_candidate(tmp_path, "best", "other weights", against="one") == 2
    assert count_candidate(tmp_path, "best", "first weights", against="one") == 2


def test_candidates_that_are_judged_at_once_are_all_counted(tmp_path):
    found = []
    threads = [
        threading.Thread(target=lambda name=name: found.append(count_candidate(tmp_path, name, "w", against=None)))
        for name in "abcdefgh"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(1, 9))


def test_a_line_that_cannot_be_read_is_named_and_half_a_line_makes_way(tmp_path):
    count_candidate(tmp_path, "one", "w", against=None)
    with (tmp_path / "candidates.jsonl").open("ab") as file:
        file.write(b'{"release": "tw')
    assert count_candidate(tmp_path, "two", "w", against=None) == 2
    with (tmp_path / "candidates.jsonl").open("ab") as file:
        file.write(b"{}\n")
    with pytest.raises(ReleaseError, match=r"candidates\.jsonl, line 3"):
        count_candidate(tmp_path, "three", "w", against=None)

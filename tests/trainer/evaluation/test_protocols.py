"""The protocols, tested with a nearest-neighbour classifier."""

from dataclasses import replace

import numpy as np
import pytest

from har.recordings import Recording
from har.signal_quality import SignalBounds
from har.windowing import WindowSpec
from trainer.evaluation import left_out, protocols
from trainer.evaluation.altered_recordings import read_at, turned
from trainer.evaluation.outcomes import join_outcomes
from trainer.evaluation.pools import PoolSpec, make_pools
from trainer.evaluation.protocols import ProtocolError
from trainer.evaluation.scores import measure
from trainer.splits import ReservedTestUserError

CLASSES = ("sit", "walk")
SPEC = WindowSpec(steps=50, hop_us=200_000)
SECOND = 1_000_000


def recording(user: str, device: str = "p", *, model: str = "m", seconds: int = 30, habit: int = 0) -> Recording:
    """Sit, lie and walk, a third each; a `habit` of 1 swaps the signals of sitting and walking."""
    times = np.arange(seconds * 50) * 20_000
    labels = np.repeat(np.array(["sit", "lie", "walk"]), len(times) // 3)
    rng = np.random.default_rng(int(user[1:]))
    # Differences between people are larger than those between activities.
    base = np.where(labels == "walk", 0.5, -0.5) * (1 if habit == 0 else -1)
    axes = np.stack([base, np.full(len(times), 10.0 * int(user[1:])), np.full(len(times), 9.8)], axis=1)
    return Recording(
        user, device, model, "s", times, (axes + rng.normal(0, 0.02, axes.shape)).astype(np.float32), labels
    )


def pools_of(recordings, wearers=None):
    people = wearers or {each.person: each.person for each in recordings}
    return make_pools(recordings, pool_spec(people))


def pool_spec(wearers) -> PoolSpec:
    return PoolSpec(classes=CLASSES, training_windows=SPEC, windows=SPEC, wearers=wearers, signal_bounds=SignalBounds())


def nearest_neighbour(seen=None):
    """Train by storing the windows; append the people of each training to `seen`."""

    def train(examples):
        if seen is not None:
            seen.append(set(examples.people.tolist()))
        known = examples.values.mean(axis=1)

        def classify(windows):
            distances = np.linalg.norm(windows.mean(axis=1)[:, None] - known[None], axis=2)
            return np.eye(len(CLASSES), dtype=np.float32)[examples.labels[distances.argmin(axis=1)]]

        return classify

    return train


PEOPLE = [f"u{number}" for number in range(1, 7)]


def test_every_user_is_tested_once_by_a_network_not_trained_on_them():
    pools = pools_of([recording(user) for user in PEOPLE])
    seen: list[set[str]] = []
    protocol = protocols.by_user(pools, 3)
    outcomes = join_outcomes(protocols.run(protocol, nearest_neighbour(seen)))
    assert len(outcomes) == len(pools.measured)
    tested = [set(pools.measured.people[fold.test].tolist()) for fold in protocol.folds]
    assert all(not trained & people for trained, people in zip(seen, tested, strict=True))
    assert sorted(person for people in tested for person in people) == [f"p/{user}" for user in PEOPLE]
    assert not protocol.warning
    assert outcomes.labels == ("sit", "walk", "lie")
    assert (~outcomes.known).sum() > 0


def test_only_given_people_are_tested_and_all_others_are_trained_on():
    pools = pools_of([recording(user) for user in PEOPLE])
    seen: list[set[str]] = []
    outcomes = join_outcomes(
        protocols.run(protocols.by_user(pools, 2, tested=["p/u1", "p/u2"]), nearest_neighbour(seen))
    )
    assert set(outcomes.people.tolist()) == {"p/u1", "p/u2"}
    assert all(len(trained) == 5 for trained in seen)


def test_a_wearer_is_held_out_with_all_phones():
    recordings = [recording(user, device) for user in PEOPLE[:3] for device in ("p", "q")]
    wearers = {each.person: f"p/{each.user}" for each in recordings}
    seen: list[set[str]] = []
    protocol = protocols.leave_one_user_out(pools_of(recordings, wearers))
    protocols.run(protocol, nearest_neighbour(seen))
    assert len(protocol.folds) == 3
    assert seen[0] == {"p/u2", "q/u2", "p/u3", "q/u3"}


def test_a_model_is_tested_by_a_network_not_trained_on_it():
    recordings = [recording(user, user, model=f"model {place % 3}") for place, user in enumerate(PEOPLE)]
    protocol = left_out.leave_one_model_out(pools_of(recordings))
    assert [fold.name for fold in protocol.folds] == ["without model 0", "without model 1", "without model 2"]
    for fold in protocol.folds:
        trained, tested = protocol.pools.train.take(fold.train), protocol.pools.measured.take(fold.test)
        assert not set(trained.models.tolist()) & set(tested.models.tolist())
    assert not protocol.warning


def test_a_model_whose_people_are_trained_on_with_another_gives_a_warning():
    recordings = [recording(user, device, model=device) for user in PEOPLE[:2] for device in ("p", "q")]
    wearers = {each.person: f"p/{each.user}" for each in recordings}
    assert "another model" in left_out.leave_one_model_out(pools_of(recordings, wearers)).warning


def test_the_leaky_split_overrates_a_classifier_that_memorises_people():
    recordings = [recording(user, habit=int(user[1:]) % 2) for user in PEOPLE]
    pools = pools_of(recordings)
    leaky = protocols.leaky(pools)
    honest = measure(join_outcomes(protocols.run(protocols.leave_one_user_out(pools), nearest_neighbour()))).accuracy
    flattered = measure(join_outcomes(protocols.run(leaky, nearest_neighbour()))).accuracy
    assert flattered == 1.0
    assert honest < 0.3  # the nearest person has the opposite habit
    assert "overlapping" in leaky.warning
    (fold,) = leaky.folds
    trained, tested = pools.train.take(fold.train), pools.measured.take(fold.test)
    places = [set(zip(each.people.tolist(), each.starts.tolist(), strict=True)) for each in (trained, tested)]
    assert not places[0] & places[1]


def test_a_split_in_time_shares_no_readings():
    recordings = [recording("u1", seconds=60)]
    protocol = protocols.blocked_in_time(recordings, pool_spec({"p/u1": "p/u1"}), held_out_share=0.3)
    trained, tested = protocol.pools.train, protocol.pools.measured
    assert len(trained) > len(tested) > 0
    for start in tested.starts:
        assert not (np.abs(trained.starts - start) < SPEC.length_us).any()
    assert measure(join_outcomes(protocols.run(protocol, nearest_neighbour()))).accuracy == 1.0
    assert "Too few people" in protocol.warning


def test_unsuitable_recordings_are_rejected_with_the_reason():
    few = pools_of([recording("u1"), recording("u2")])
    with pytest.raises(ProtocolError, match="2 people cannot be divided into 5 folds; choose fewer folds"):
        protocols.by_user(few, 5)
    with pytest.raises(ProtocolError, match="at least 2 models"):
        left_out.leave_one_model_out(few)
    with pytest.raises(ProtocolError, match="at least 2 users"):
        protocols.leave_one_user_out(pools_of([recording("u1")]))
    with pytest.raises(ProtocolError, match="nobody to test"):
        protocols.by_user(few, 2, tested=["p/u9"])
    with pytest.raises(ProtocolError, match="long enough"):
        protocols.blocked_in_time([recording("u1", seconds=3)], pool_spec({"p/u1": "p/u1"}))


def test_reserved_test_users_are_in_no_protocol():
    with pytest.raises(ReservedTestUserError, match="galaxy_s2/u21"):
        pools_of([recording("u21", "galaxy_s2"), recording("u1")])


def test_a_data_set_is_tested_by_a_network_that_saw_no_reading_of_it():
    recordings = [recording(user, device) for device in ("galaxy_s2", "galaxy_s8", "own") for user in PEOPLE[:2]]
    protocol = left_out.data_set_left_out(pools_of(recordings))
    seen = []
    found = protocols.run(protocol, nearest_neighbour(seen))
    assert len(protocol.folds) == 3
    for outcomes, trained in zip(found, seen, strict=True):
        devices = {person.partition("/")[0] for person in outcomes.people.tolist()}
        assert len(devices) == 1
        assert not devices & {person.partition("/")[0] for person in trained}
    with pytest.raises(ProtocolError, match="at least 2 data sets"):
        left_out.data_set_left_out(pools_of(recordings[:2]))


def test_a_placement_is_left_out_with_the_people_who_also_wore_the_phone_elsewhere():
    recordings = [recording(user, device) for device in ("galaxy_s2", "galaxy_s8") for user in PEOPLE[:3]]
    recordings.append(recording("u4", "galaxy_s8"))
    wearers = {each.person: each.person for each in recordings} | {"galaxy_s8/u1": "galaxy_s2/u1"}
    waist = next(
        fold
        for fold in left_out.placement_left_out(pools_of(recordings, wearers)).folds
        if fold.name == "without waist"
    )
    pools = pools_of(recordings, wearers)
    assert set(pools.measured.people[waist.test].tolist()) == {f"galaxy_s2/{user}" for user in PEOPLE[:3]}
    assert set(pools.train.people[waist.train].tolist()) == {"galaxy_s8/u2", "galaxy_s8/u3", "galaxy_s8/u4"}


def test_fewer_readings_are_the_first_of_each_period():
    slow = read_at(recording("u1"), 20)
    assert len(slow.times) == 600  # of 1,500 in 30 s
    assert slow.times[:5].tolist() == [0, 60_000, 100_000, 160_000, 200_000]
    original = recording("u1")
    np.testing.assert_array_equal(slow.axes[1], original.axes[3])
    assert read_at(original, 60).times.tolist() == original.times.tolist()


def test_turned_recordings_keep_their_magnitudes_and_differ_by_session():
    originals = [recording("u1"), recording("u2")]
    found = turned(originals, seed=3)
    for one, other in zip(originals, found, strict=True):
        lengths = [np.linalg.norm(each.axes.astype(float), axis=1) for each in (one, other)]
        np.testing.assert_allclose(*lengths, rtol=1e-5)
        assert not np.allclose(one.axes, other.axes, atol=0.5)
    same = turned([recording("u1"), recording("u1")], seed=3)
    assert not np.allclose(same[0].axes, same[1].axes, atol=0.5)


def test_held_out_people_are_tested_on_altered_recordings_by_networks_of_the_originals():
    recordings = [recording(user) for user in PEOPLE]
    wearers = {each.person: each.person for each in recordings}
    spec = pool_spec(wearers)
    seen = []
    slow = [read_at(each, 45) for each in recordings]
    protocol = protocols.by_user_altered(make_pools(recordings, spec), slow, "45 readings a second", spec, 3)
    outcomes = join_outcomes(protocols.run(protocol, nearest_neighbour(seen)))
    assert protocol.name == "3 folds by user, 45 readings a second"
    assert set(outcomes.people.tolist()) == set(wearers)
    assert all(len(people) == 4 for people in seen)
    assert len(protocol.pools.train) == len(pools_of(recordings).train)


def test_folds_of_altered_recordings_train_on_the_same_people_if_somebody_has_no_window_left():
    recordings = [recording(user) for user in PEOPLE]
    spec = pool_spec({each.person: each.person for each in recordings})
    pools = make_pools(recordings, spec)
    altered = [read_at(each, 45) for each in recordings[1:]] + [read_at(recordings[0], 5)]
    of_originals = protocols.by_user(pools, 3)
    protocol = protocols.by_user_altered(pools, altered, "5 readings a second", spec, 3)
    for fold, original in zip(protocol.folds, of_originals.folds, strict=True):
        np.testing.assert_array_equal(fold.train, original.train)
    tested = [set(protocol.pools.measured.people[fold.test].tolist()) for fold in protocol.folds]
    assert recordings[0].person not in set.union(*tested)


def test_people_who_show_background_only_are_tested_too():
    def on_a_table(user):
        walking = recording(user, "table")
        return replace(walking, labels=np.full(len(walking.labels), "table"))

    recordings = [*(recording(user) for user in PEOPLE[:4]), *(on_a_table(user) for user in PEOPLE[:2])]
    spec = replace(pool_spec({each.person: each.person for each in recordings}), background=("table",))
    protocol = protocols.by_user(make_pools(recordings, spec), 2)
    tested = [set(protocol.pools.measured.people[fold.test].tolist()) for fold in protocol.folds]
    assert set.union(*tested) == {each.person for each in recordings}
    for fold, people in zip(protocol.folds, tested, strict=True):
        assert not people & set(protocol.pools.train.people[fold.train].tolist())

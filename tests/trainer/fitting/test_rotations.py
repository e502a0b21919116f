import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trainer.fitting.rotations import random_rotations, random_tilts, rotate

SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS)
def test_rotations_keep_the_magnitude_of_every_reading(seed: int) -> None:
    rng = np.random.default_rng(seed)
    windows = rng.normal(0, 5, (4, 60, 3)).astype(np.float32)
    before = np.linalg.norm(windows, axis=2)
    for rotations in (random_rotations(4, rng), random_tilts(4, 35, rng)):
        after = np.linalg.norm(rotate(windows, rotations), axis=2)
        np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(np.linalg.det(rotations), 1, atol=1e-5)  # a rotation, not a reflection


@given(SEEDS, st.floats(0, 90))
def test_tilts_stay_within_their_limit(seed: int, limit: float) -> None:
    tilts = random_tilts(50, limit, np.random.default_rng(seed))
    cosines = (np.trace(tilts.astype(np.float64), axis1=1, axis2=2) - 1) / 2
    assert np.degrees(np.arccos(np.clip(cosines, -1, 1))).max() <= limit + 0.1


def test_free_rotations_are_uniform() -> None:
    turned = random_rotations(20_000, np.random.default_rng(1)) @ np.float32([0, 0, 1])
    np.testing.assert_allclose(turned.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose((turned**2).mean(axis=0), 1 / 3, atol=0.02)


def test_rotate_turns_each_window_by_its_own_rotation() -> None:
    quarter_about_z = np.float32([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    windows = np.tile(np.float32([1, 2, 3]), (2, 5, 1))
    turned = rotate(windows, np.stack([np.eye(3, dtype=np.float32), quarter_about_z]))
    np.testing.assert_array_equal(turned[0, 0], [1, 2, 3])
    np.testing.assert_array_equal(turned[1, 0], [-2, 1, 3])

"""Windows as slower phones and soft pockets measure them."""

import numpy as np
import pytest

from trainer.fitting.interpolation import read_slowly, smooth, values_at


def waves(frequency_hz: float, count: int = 3, steps: int = 200) -> np.ndarray:
    times = np.arange(steps) / 50
    wave = np.sin(2 * np.pi * frequency_hz * times)
    return np.tile(np.stack([wave, 2 * wave, np.full(steps, 9.8)], axis=1), (count, 1, 1)).astype(np.float32)


def test_values_between_steps_are_interpolated():
    windows = np.arange(10, dtype=np.float32)[None, :, None] * np.ones(3, np.float32)
    np.testing.assert_allclose(values_at(windows, np.array([[0.0, 2.5, 9.0]]))[0, :, 0], [0.0, 2.5, 9.0])


def test_a_reading_at_each_step_changes_nothing():
    windows = waves(12.0)
    np.testing.assert_allclose(read_slowly(windows, np.ones(3), np.zeros(3)), windows, atol=1e-5)


@pytest.mark.parametrize("spacing", [2.0, 2.8])
def test_slow_readings_keep_slow_movement_and_lose_fast(spacing):
    spacings, offsets = np.full(3, spacing), np.array([0.0, 0.4, 1.0])
    slow = read_slowly(waves(0.5), spacings, offsets)
    np.testing.assert_allclose(slow[:, 5:-5], waves(0.5)[:, 5:-5], atol=0.05)
    fast = read_slowly(waves(12.0), spacings, offsets)
    assert fast[:, 20:-20, 0].std() < 0.8 * waves(12.0)[:, 20:-20, 0].std()


def test_at_the_places_of_its_readings_a_slow_window_has_the_values_of_the_fast_one():
    windows = np.random.default_rng(0).normal(size=(1, 200, 3)).astype(np.float32)
    slow = read_slowly(windows, np.array([4.0]), np.array([0.0]))
    np.testing.assert_allclose(slow[:, ::4], windows[:, ::4], atol=1e-5)
    np.testing.assert_allclose(slow[0, 2], windows[0, [0, 4]].mean(axis=0), atol=1e-5)


def test_an_average_keeps_the_mean_and_shrinks_what_is_shorter():
    windows = waves(12.5)
    smoothed = smooth(windows, np.array([1, 2, 4]))
    np.testing.assert_allclose(smoothed[0], windows[0], atol=1e-5)
    np.testing.assert_allclose(smoothed[2, 10:-10, 0], 0, atol=1e-5)  # four steps are a whole wave
    np.testing.assert_allclose(smoothed[:, :, 2], 9.8, atol=1e-5)

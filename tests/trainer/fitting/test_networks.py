"""The features that the networks compute without training, and the networks' sizes."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # importing TensorFlow raises warnings about its internals
    from trainer.fitting import fixed_features, networks
    from trainer.fitting.rotations import random_rotations, random_tilts, rotate

GRAVITY = 9.80665
SECONDS = np.arange(200) / 50
SCALES = len(fixed_features.DIRECTION_BLOCKS)


def swaying(axis: int, *, strength: float = 0.1, hertz: float = 0.5) -> NDArray[np.float32]:
    """Return a window, float32 (1, 200, 3), of a phone at the belt (x up, leaning) that sways along one axis."""
    window = np.tile([9.6, 1.0, 1.7], (200, 1))
    window[:, axis] += strength * np.sin(2 * np.pi * hertz * SECONDS)
    return np.asarray(window[None] / GRAVITY, np.float32)


def directions(windows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return gravity (n, 3), powers (n, scales, 6) and correlations (n, scales, 6)."""
    values = np.asarray(fixed_features.movement_directions(windows))
    assert values.shape == (len(windows), 3 + 12 * SCALES)
    rest = values[:, 3:].reshape(len(windows), SCALES, 12)
    return values[:, :3], rest[:, :, :6], rest[:, :, 6:]


@pytest.mark.parametrize("axis", range(3))
def test_movement_directions_show_the_axis_of_sway(axis: int) -> None:
    _, powers, _ = directions(swaying(axis))
    assert powers[0, -1, :3].argmax() == axis
    assert powers[0, -1, axis] > np.delete(powers[0, -1, :3], axis).max() + 1


def test_movement_directions_show_correlated_axes() -> None:
    window = swaying(0)
    window[:, :, 1] += window[:, :, 0] - window[:, :, 0].mean()
    window[:, :, 2] -= window[:, :, 0] - window[:, :, 0].mean()
    _, _, correlations = directions(window)
    np.testing.assert_allclose(correlations[0, -1, :3], [2, -2, -2], atol=0.01)


def test_upright_axes_do_not_depend_on_the_lean() -> None:
    rng = np.random.default_rng(0)
    windows = np.repeat(swaying(0) + rng.normal(0, 0.01, (1, 200, 3)).astype(np.float32), 5, axis=0)
    turned = np.asarray(fixed_features.upright(rotate(windows, random_tilts(5, 40, rng))))
    np.testing.assert_allclose(turned.mean(axis=1), 0, atol=1e-4)
    up = np.asarray(fixed_features.upright(windows))[:, :, 0]
    np.testing.assert_allclose(turned[:, :, 0], up, atol=1e-4)  # vertical movement is the same at any lean


def test_a_still_phone_has_finite_directions() -> None:
    for gravity in ([0, 0, 1], [0, 0, -1], [1, 0, 0], [0, 0, 0]):
        values = fixed_features.movement_directions(np.tile(np.float32(gravity), (1, 200, 1)))
        assert np.isfinite(np.asarray(values)).all()
        assert np.abs(np.asarray(values)).max() < 10


def bands(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the spectrum of each signal, (n, 5, bands)."""
    values = np.asarray(fixed_features.spectrum(windows, fixed_features.upright(windows)))
    return values.reshape(len(windows), 5, len(fixed_features.BAND_EDGES) - 1)


@pytest.mark.parametrize("hertz", [0.5, 1.75, 2.25, 6.0, 9.0])
def test_the_spectrum_is_the_power_of_a_fourier_transform(hertz: float) -> None:
    rng = np.random.default_rng(3)
    window = swaying(0, strength=2.0, hertz=hertz) + rng.normal(0, 0.02, (1, 200, 3)).astype(np.float32)
    up = np.asarray(fixed_features.upright(window))[0, :, 0].reshape(100, 2).mean(axis=1)
    hann = np.sin(np.pi / 100 * (np.arange(100) + 0.5)) ** 2 * 0.02
    powers = np.abs(np.fft.rfft(up * hann)) ** 2
    edges = fixed_features.BAND_EDGES
    sums = [powers[low:high].sum() for low, high in pairwise(edges)]
    expected = ((np.array(sums) + 1e-8) ** 0.125 - 0.4) * 5
    np.testing.assert_allclose(bands(window)[0, 0], expected, atol=1e-3)
    assert edges[int(np.argmax(sums))] / 4 <= hertz + 0.26


def test_magnitudes_in_the_spectrum_do_not_depend_on_the_orientation() -> None:
    rng = np.random.default_rng(4)
    windows = np.repeat(swaying(0, strength=3.0, hertz=2.0) + rng.normal(0, 0.1, (1, 200, 3)), 4, axis=0)
    turned = rotate(windows.astype(np.float32), random_rotations(4, rng))
    np.testing.assert_allclose(bands(turned)[:, [0, 3, 4]], bands(windows.astype(np.float32))[:, [0, 3, 4]], atol=0.02)


def test_impacts_upwards_and_downwards_are_skewed_differently() -> None:
    windows = np.tile(np.float32([0, 1, 0]), (2, 200, 1))
    windows[0, ::25, 1] += 1
    windows[1, ::25, 1] -= 0.9
    shapes = np.asarray(fixed_features.vertical_shape(fixed_features.upright(windows)))
    assert shapes[0, 0] > 1 > -1 > shapes[1, 0]
    assert shapes[:, 1].min() > 1  # short impacts have a large kurtosis
    assert np.isfinite(np.asarray(fixed_features.vertical_shape(np.zeros((1, 200, 3), np.float32)))).all()


def test_conv_lstm_fits_the_budgets_of_its_formats() -> None:
    model = networks.build("conv_lstm", steps=200, classes=5)
    assert model.count_params() < 90_000
    lengths = [layer.input_shape[1] for layer in model.layers if type(layer).__name__ == "LSTM"]
    assert lengths == [25, 25]

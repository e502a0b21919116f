from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from trainer.fitting.augmentation import AugmentationSettings, augment, change_speed, long_steps, mirror, soften

SEEDS = st.integers(0, 2**32 - 1)
NOTHING = AugmentationSettings(
    tilt_degrees=0,
    lean_degrees=0,
    mirrored_share=0,
    vigour=0,
    free_rotation_share=0,
    free_sitting_share=0,
    free_standing_share=0,
    quietest_standing=1,
    scale=0,
    bias=0,
    noise=0,
    speed=0,
)


def vary(
    windows: NDArray[np.float32],
    steps: int,
    settings: AugmentationSettings,
    rng: np.random.Generator,
    *,
    turnable: bool = True,
    standing: bool = False,
) -> NDArray[np.float32]:
    count = len(windows)
    return augment(windows, np.full(count, turnable), np.full(count, standing), steps=steps, settings=settings, rng=rng)


def some_windows(rng: np.random.Generator, count: int = 4, steps: int = 60) -> NDArray[np.float32]:
    return rng.normal(0, 5, (count, steps, 3)).astype(np.float32)


@given(st.floats(0.8, 1.2), st.floats(0, 1))
def test_another_speed_moves_a_sine_to_another_frequency(speed: float, offset: float) -> None:
    phase = 2 * np.pi * 1.5 * np.arange(250) / 50
    windows = np.repeat(np.sin(phase)[None, :, None], 3, axis=2).astype(np.float32)
    faster = change_speed(windows, np.array([speed]), np.array([offset]), 200)
    start = offset * (249 - 199 * speed)
    expected = np.sin(2 * np.pi * 1.5 * (start + speed * np.arange(200)) / 50)
    np.testing.assert_allclose(faster[0, :, 0], expected, atol=0.01)


def test_unchanged_speed_at_offset_zero_is_the_identity() -> None:
    windows = some_windows(np.random.default_rng(0))
    np.testing.assert_array_equal(change_speed(windows, np.ones(4), np.zeros(4), 50), windows[:, :50])


def test_too_short_windows_are_rejected() -> None:
    with pytest.raises(ValueError, match="at least 220 steps, but they have 200"):
        change_speed(np.zeros((1, 200, 3), np.float32), np.array([1.1]), np.zeros(1), 200)


def test_without_variations_only_the_phase_is_random() -> None:
    rng = np.random.default_rng(0)
    windows = some_windows(rng, count=3, steps=long_steps(40, NOTHING))
    varied = vary(windows, 40, NOTHING, rng)
    begins = np.linspace(0, 25, 2501)
    for window, original in zip(varied, windows, strict=True):
        candidates = change_speed(np.tile(original, (2501, 1, 1)), np.ones(2501), begins / 25, 40)
        assert np.abs(candidates - window).max(axis=(1, 2)).min() < 0.15


@given(SEEDS)
def test_augmentation_depends_on_the_seed_only_and_keeps_gravity_within_limits(seed: int) -> None:
    settings = AugmentationSettings(noise=0)
    still = np.tile(np.float32([0, 0, 9.81]), (6, long_steps(50, settings), 1))
    varied = vary(still, 50, settings, np.random.default_rng(seed))
    assert varied.shape == (6, 50, 3)
    assert varied.dtype == np.float32
    np.testing.assert_array_equal(varied, vary(still, 50, settings, np.random.default_rng(seed)))
    magnitude = np.linalg.norm(varied, axis=2)
    slack = settings.bias * np.sqrt(3) + 0.01
    assert magnitude.min() >= 9.81 * (1 - settings.scale) - slack
    assert magnitude.max() <= 9.81 * (1 + settings.scale) + slack


@given(SEEDS)
def test_only_turnable_windows_are_rotated_beyond_the_lean(seed: int) -> None:
    settings = AugmentationSettings(
        lean_degrees=15, free_rotation_share=1, free_rest_share=0, scale=0, bias=0, noise=0, smoothed_share=0
    )
    still = np.tile(np.float32([0, 0, 9.81]), (40, long_steps(50, settings), 1))

    def tilts(turnable: bool) -> NDArray[np.float64]:
        varied = vary(still, 50, settings, np.random.default_rng(seed), turnable=turnable)
        return np.degrees(np.arccos(np.clip(varied[:, 0, 2].astype(np.float64) / 9.81, -1, 1)))

    assert tilts(turnable=False).max() <= 15.1
    assert tilts(turnable=True).max() > 60


def test_softening_keeps_the_mean_and_shrinks_the_movement() -> None:
    windows = some_windows(np.random.default_rng(2))
    softened = soften(windows, np.array([1.0, 0.5, 0.1, 0.0]))
    np.testing.assert_allclose(softened.mean(axis=1), windows.mean(axis=1), atol=1e-5)
    np.testing.assert_allclose(
        softened.std(axis=1) / windows.std(axis=1), np.array([[1.0], [0.5], [0.1], [0.0]]) * np.ones(3), atol=1e-5
    )


def test_only_freely_rotated_standing_windows_lose_sway() -> None:
    settings = AugmentationSettings(
        free_rotation_share=1, free_standing_share=1, quietest_standing=0.3, scale=0, bias=0, noise=0, speed=0,
        slow_share=0, smoothed_share=0,
    )  # fmt: skip
    windows = some_windows(np.random.default_rng(0), count=200, steps=long_steps(50, settings))

    def spread(turnable: bool, standing: bool) -> NDArray[np.float64]:
        varied = vary(windows, 50, settings, np.random.default_rng(1), turnable=turnable, standing=standing)
        return np.sqrt(varied.var(axis=1).sum(axis=1))

    loud = spread(turnable=True, standing=False)
    quiet = spread(turnable=True, standing=True) / loud
    np.testing.assert_allclose(spread(turnable=False, standing=True), loud, rtol=1e-3)
    assert 0.29 < quiet.min() < 0.35
    assert 0.95 < quiet.max() < 1.01


def test_mirroring_changes_the_sign_of_the_chosen_axis_only() -> None:
    windows = some_windows(np.random.default_rng(3))
    mirrored = mirror(windows, np.array([0, 1, 2, -1]))
    for window, original, signs in zip(mirrored, windows, ([-1, 1, 1], [1, -1, 1], [1, 1, -1], [1, 1, 1]), strict=True):
        np.testing.assert_array_equal(window, original * np.float32(signs))
    assert mirrored.dtype == np.float32


def test_mirrored_share_applies_to_known_placements() -> None:
    settings = replace(NOTHING, mirrored_share=0.25)
    still = np.tile(np.float32([9.6, 1.0, 1.7]), (4_000, long_steps(50, settings), 1))
    standing = np.zeros(len(still), np.bool_)
    axes = np.where(np.arange(len(still)) < 2_000, 1, -1)
    varied = augment(
        still, ~standing, standing, mirrored_axes=axes, steps=50, settings=settings, rng=np.random.default_rng(0)
    )
    changed = varied[:, 0, 1] < 0
    assert 0.2 < changed[:2_000].mean() < 0.3
    assert not changed[2_000:].any()
    np.testing.assert_allclose(np.abs(varied), np.abs(still[:, :50]), rtol=1e-5)


def test_vigour_scales_movement_but_not_rest() -> None:
    settings = replace(NOTHING, vigour=0.5)
    wave = np.sin(np.arange(long_steps(50, settings)) / 3)[:, None] * np.float32([1, 2, 3])
    windows = np.tile(np.float32(wave), (400, 1, 1))
    turnable = np.ones(400, np.bool_)
    resting = np.arange(400) < 200

    def varied(with_vigour: AugmentationSettings) -> NDArray[np.float32]:
        return augment(
            windows, turnable, ~turnable, resting=resting, steps=50, settings=with_vigour, rng=np.random.default_rng(0)
        )

    factors = varied(settings).std(axis=1) / varied(NOTHING).std(axis=1)
    np.testing.assert_allclose(factors[:200], 1, atol=1e-3)
    assert 1 / 1.5 - 0.01 < factors[200:].min() < 0.7
    assert 1.4 < factors[200:].max() < 1.51


def test_free_rotation_has_separate_shares_for_sitting_standing_and_moving() -> None:
    settings = replace(NOTHING, free_sitting_share=0.1, free_standing_share=0.9, free_rotation_share=0.5)
    still = np.tile(np.float32([0, 0, 9.81]), (3_000, long_steps(50, settings), 1))
    kind = np.repeat(["sit", "stand", "walk"], 1_000)
    varied = augment(
        still,
        np.ones(len(still), np.bool_),
        kind == "stand",
        resting=kind != "walk",
        steps=50,
        settings=settings,
        rng=np.random.default_rng(0),
    )
    turned = (np.abs(varied[:, 0, 2] - 9.81) > 0.01).reshape(3, 1_000).mean(axis=1)
    np.testing.assert_allclose(turned, [0.1, 0.9, 0.5], atol=0.05)

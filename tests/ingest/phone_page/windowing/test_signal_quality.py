"""The page judges the readings under a window as Python does, bit for bit, and explains reasons in the same words."""

from typing import Any, cast

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from har.merging import merge_readings
from har.signal_quality import EXPLANATIONS, REASONS, SignalBounds
from har.windowing import RecordingWindows, WindowSpec, recording_windows
from tests.ingest.phone_page.page_modules import Modules, RejectedByPage

BEGIN = 1_764_000_000_123_457
#: Runs `WindowCutter` piece by piece, and returns of each window its quality and its reason with each of the bounds.
JUDGE = """
const [times, axes, piece, manifests] = args;
const { WindowCutter, windowSpec } = await import('/phone/windowing/windows.js');
const { signalBounds, unclassifiedReason } = await import('/phone/windowing/signal-quality.js');
const cutter = new WindowCutter(windowSpec(manifests[0]));
const windows = [];
for (let at = 0; at < times.length; at += piece) {
  windows.push(...cutter.extend(times.slice(at, at + piece), ...axes.map((axis) => axis.slice(at, at + piece))));
}
windows.push(...cutter.finish());
return windows.map(({ quality: q }) => [
  [q.readings, q.coveredUs, q.meanSpacingUs, q.longestSpacingUs, q.standstillUs, q.isConstant, q.clippedShare, q.step],
  manifests.map((manifest) => unclassifiedReason(signalBounds(manifest), q)),
]);
"""
SPECS = [WindowSpec(), WindowSpec(30, 50, 1_500_000), WindowSpec(64, 125, 512_000, 2_000_000)]
#: Bounds that almost every window keeps, the defaults of older releases, and bounds that almost none keeps.
BOUNDS: list[dict[str, float]] = [
    {"lowest_rate_hz": 1.5, "longest_spacing_us": 900_000, "longest_standstill_us": 900_000, "coarsest_step": 30},
    {},
    {"lowest_rate_hz": 150.25, "longest_standstill_us": 0, "largest_clipped_share": 0.05, "coarsest_step": 1e-7},
]


def assert_judged_alike(
    modules: Modules, times: np.ndarray, axes: np.ndarray, spec: WindowSpec, piece: int
) -> list[str | None]:
    """Assert that the page finds the quality and reasons of Python; return the reasons with the default bounds."""
    manifests = [{**msgspec.to_builtins(spec), "signal_bounds": bounds} for bounds in BOUNDS]
    del manifests[1]["signal_bounds"]
    expected: RecordingWindows = recording_windows(times, axes, spec)
    reasons = [expected.reasons(msgspec.convert(bounds, SignalBounds)) for bounds in BOUNDS]
    got = modules.run(JUDGE, times.tolist(), axes.T.tolist(), piece, manifests)
    assert [quality for quality, _ in got] == [list(quality) for quality in expected.qualities]
    assert [found for _, found in got] == [list(each) for each in zip(*reasons, strict=True)]
    return cast("list[str | None]", reasons[1])


def readings(rate: float, seed: int, *, jitter: float = 0.0, lost: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return 9 s of a walk, with noise on its times and with lost readings."""
    random = np.random.default_rng(seed)
    steps = np.arange(int(9 * rate)) + random.uniform(-jitter, jitter, int(9 * rate))
    seconds = np.sort(steps[random.random(len(steps)) >= lost] / rate)
    swing = 2 * np.pi * seconds[:, None] * [1, 2, 1.7]
    axes = np.sin(swing) * [4, 2, 3] + [0, 0, 9.81] + random.normal(0, 0.1, (len(seconds), 3))
    return (seconds * 1e6).astype(np.int64) + BEGIN, axes.astype(np.float32)


def changed(times: np.ndarray, axes: np.ndarray, change: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the readings as a clock or a sensor of some kind shows them."""
    match change:
        case "rounded times":
            times = (times + 50_000) // 100_000 * 100_000
        case "some rounded times":
            times = np.where(np.arange(len(times)) % 5 < 3, times // 50_000 * 50_000, times)
        case "repeats":
            places = np.sort(np.append(np.arange(len(times)), np.arange(0, len(times), 3)))
            times, axes = times[places], axes[places]
        case "constant":
            axes = np.tile(np.float32([0.0, -0.0, 9.81]), (len(times), 1))
        case "constant axis":
            axes = axes * np.float32([1, 0, 1])
        case "coarse":
            axes = (np.round(axes / 0.6) * 0.6).astype(np.float32)
        case "clipped":
            axes = np.clip(axes, -1.5, 10.25)
        case "clipped at a tenth":
            axes = np.minimum(axes, np.quantile(axes, 0.9, axis=0)).astype(np.float32)
    order = np.argsort(times, kind="stable")
    return times[order], axes[order]


CHANGES = [
    *("none", "rounded times", "some rounded times", "repeats"),
    *("constant", "constant axis", "coarse", "clipped", "clipped at a tenth"),
]


def test_any_readings_are_judged_as_by_python(modules):
    found: list[str | None] = []

    @given(
        rate=st.sampled_from([2, 5, 10, 20, 39, 40, 41, 50, 60, 99.5, 200]),
        seed=st.integers(0, 2**32 - 1),
        jitter=st.sampled_from([0.0, 0.1, 0.49, 3.0]),
        lost=st.sampled_from([0.0, 0.1, 0.4]),
        change=st.sampled_from(CHANGES),
        spec=st.sampled_from(SPECS),
        piece=st.sampled_from([1, 7, 30, 10_000]),
    )
    @settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def compare(rate, seed, jitter, lost, change, spec, piece):
        made = changed(*readings(rate, seed, jitter=jitter, lost=lost), change)
        found.extend(assert_judged_alike(modules, *made, spec, piece))

    compare()
    assert {"sparse", "pauses", None} <= {*found}


@pytest.mark.parametrize(
    "rate, lost, change, reason",
    [
        (50, 0.0, "none", None),
        (60, 0.0, "repeats", None),  # exact repeats do not show that the clock stood still
        (10, 0.0, "none", "sparse"),
        (50, 0.4, "none", "sparse"),
        (100, 0.4, "none", None),
        (60, 0.0, "rounded times", "clock"),
        (60, 0.0, "constant", "constant"),
        (60, 0.0, "coarse", "coarse"),
        (60, 0.0, "clipped", "clipped"),
    ],
)
def test_the_reason_is_that_of_python(modules, rate, lost, change, reason):
    times, axes = changed(*readings(rate, 5, lost=lost), change)
    assert {*assert_judged_alike(modules, times, axes, WindowSpec(), 25)} == {reason}


def test_a_pause_is_found_in_each_window_over_it(modules):
    times, axes = readings(100, 6)
    times[450:] += 130_000
    reasons = assert_judged_alike(modules, times, axes, WindowSpec(), 40)
    assert reasons[0] is not None and "pauses" in reasons and merge_readings(times, axes).repeats == 0


def rejected_by_python(bounds: Any) -> bool:
    try:
        return msgspec.convert(bounds, SignalBounds).faults() is not None
    except msgspec.ValidationError:
        return True


def test_bounds_that_python_rejects_are_rejected(modules):
    bounds = "return (await import('/phone/windowing/signal-quality.js')).signalBounds({ signal_bounds: args[0] })"
    stated = SignalBounds()
    assert list(modules.run(bounds, {}).values()) == list(msgspec.structs.astuple(stated))
    impossible: list[Any] = [
        *({"lowest_rate_hz": 0}, {"lowest_rate_hz": 1e7}, {"longest_spacing_us": 0}, {"longest_standstill_us": -1}),
        *({"largest_clipped_share": 1.5}, {"coarsest_step": -0.1}, {"coarsest_step": "0.2"}),
        *({"longest_spacing_us": 0.5}, {"longest_spacing_us": 10**10}, {"longest_standstill_us": 2**60}, None, [], 40),
    ]
    for each in impossible:
        assert rejected_by_python(each)
        with pytest.raises(RejectedByPage, match="RangeError"):
            modules.run(bounds, each)


def test_both_pages_explain_each_reason_in_the_words_of_python(modules):
    wordings = modules.run("return (await import('/phone/shared/signal-reasons.js')).WORDINGS")
    assert {reason: wording["explanation"] for reason, wording in wordings.items()} == EXPLANATIONS
    assert {*wordings} == {*REASONS}
    assert all(wording["advice"].endswith(".") for wording in wordings.values())


def test_the_reason_of_a_later_version_is_named_as_it_is(modules):
    words = """
    const { adviceOn, explain } = await import('/phone/shared/signal-reasons.js');
    return args.map((reason) => [explain(reason), adviceOn(reason)]);
    """
    for reason in ("magnetised", "constructor"):
        assert modules.run(words, reason) == [[f"the reason is “{reason}”", ""]]

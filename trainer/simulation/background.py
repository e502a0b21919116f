"""Simulate what phones measure while no activity is shown: on a table, in a vehicle, in the hand, shaken, or cycling.

Public recordings of these are few: tables of one laboratory, one person in a car and on a bicycle. A network that has
seen nothing else takes other tables, cars and bicycles for an activity. The signals are built from simple physics:
gravity in a placement, the vibrations of a vehicle, the tremor and the taps of a hand, the swing of a thigh. They are
not recordings, and figures that are measured on them are reported as simulated.

All functions are pure and draw from the generator that they are given. Signals are float64 ``(n, 3)``, m/s², gravity
included, at `RATE_HZ`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float64]
Simulate = Callable[[int, np.random.Generator], Signal]

#: Readings a second of all simulated recordings.
RATE_HZ = 50
GRAVITY = 9.80665
#: Bands of the vibrations of a seat, Hz: suspension, body, seat and wheels.
ROAD_BANDS_HZ = ((0.8, 3.0), (3.0, 6.0), (6.0, 12.0), (12.0, 20.0))


@dataclass(frozen=True)
class Kind:
    """A kind of background that can be simulated.

    Attributes
    ----------
    label : str
        The label of its recordings.
    simulate : callable
        Returns so many readings.
    """

    label: str
    simulate: Simulate


def table(count: int, rng: np.random.Generator) -> Signal:
    """Simulate a phone on a table: gravity, the sensor's noise in steps, slow drift, and now and then a knock."""
    signal = _gravity(rng) + rng.normal(0, 10 ** rng.uniform(-2.5, -1.0), (count, 3))
    signal += _drift(count, rng) * rng.uniform(0, 0.02)
    signal += _blows(count, rng, per_minute=rng.choice([0, 2, 15]), strength=10 ** rng.uniform(-1.5, 0.3), decay_s=0.08)
    return _in_steps(signal, rng)


def vehicle(count: int, rng: np.random.Generator) -> Signal:
    """Simulate a seat of a car, a bus or a train: road and engine vibrations, bends and braking.

    The vibrations of the road are noise in bands of the vehicle's suspension, its body and its seat, in another mixture
    in each recording, and vary over seconds. Bends and braking last for 3 to 20 s at up to 2 m/s²; in a stop, only the
    engine is left.
    """
    up = _unit(rng.normal(size=3))
    strength = 10 ** rng.uniform(-1.0, 0.1)
    seat = sum(_band(count, *band, rng) * rng.uniform(0.1, 0.7) for band in ROAD_BANDS_HZ)
    sides = sum(_band(count, *band, rng, 3) * rng.uniform(0.1, 0.5) for band in ROAD_BANDS_HZ)
    seconds = np.arange(count) / RATE_HZ
    roughness = np.interp(seconds, seconds[:: 4 * RATE_HZ], 10 ** rng.normal(0, 0.25, len(seconds[:: 4 * RATE_HZ])))
    moves = np.repeat(rng.uniform(size=count // (20 * RATE_HZ) + 1) > 0.2, 20 * RATE_HZ)[:count]
    engine = rng.uniform(0.0, 0.15) * np.sin(2 * np.pi * rng.uniform(10, 24) * seconds + rng.uniform(0, 6))
    driven = _smooth(rng.normal(size=(count, 3)), rng.uniform(3, 8))
    driven *= rng.uniform(0.3, 1.4) / (driven.std() + 1e-9)
    driven -= (driven @ up)[:, None] * up
    shaken = strength * (roughness * moves)[:, None] * (np.asarray(seat)[:, None] * up + np.asarray(sides))
    sensor = rng.normal(0, 10 ** rng.uniform(-2.3, -1.3), (count, 3))
    hum = engine[:, None] * _unit(rng.normal(size=3))
    return np.asarray(GRAVITY * up + shaken + driven * moves[:, None] + hum + sensor)


def in_the_hand(count: int, rng: np.random.Generator) -> Signal:
    """Simulate a phone that somebody uses: tilted to the face, with tremor, taps, strokes and changes of the hold."""
    pitch = np.deg2rad(np.repeat(rng.uniform(10, 80, count // (8 * RATE_HZ) + 1), 8 * RATE_HZ)[:count])
    roll = np.deg2rad(np.repeat(rng.normal(0, 15, count // (8 * RATE_HZ) + 1), 8 * RATE_HZ)[:count])
    pitch, roll = (_smooth(angle, rng.uniform(0.2, 0.6)) for angle in (pitch, roll))
    pitch += np.deg2rad(rng.uniform(0.5, 4)) * _band(count, 0.1, 1.0, rng)
    roll += np.deg2rad(rng.uniform(0.5, 4)) * _band(count, 0.1, 1.0, rng)
    held = GRAVITY * np.stack([np.cos(pitch) * np.sin(roll), np.sin(pitch), np.cos(pitch) * np.cos(roll)], axis=1)
    if rng.uniform() < 0.3:  # held sideways
        held = held[:, [1, 0, 2]]
    tremor = _band(count, 6, 12, rng, 3) * 10 ** rng.uniform(-2, -0.9) + _band(
        count, 0.5, 3, rng, 3
    ) * 10 ** rng.uniform(-1.5, -0.5)
    taps = _blows(count, rng, per_minute=rng.uniform(10, 240), strength=10 ** rng.uniform(-0.7, 0.4), decay_s=0.04)
    return np.asarray(held + tremor + taps + rng.normal(0, 0.02, (count, 3)))


def shaking(count: int, rng: np.random.Generator) -> Signal:
    """Simulate a phone that is shaken in the hand, 2 to 7 times a second, in bursts with rests."""
    seconds = np.arange(count) / RATE_HZ
    phase = 2 * np.pi * np.cumsum(rng.uniform(2, 7) * (1 + 0.1 * _band(count, 0.1, 1, rng))) / RATE_HZ
    main, other = rng.normal(size=(2, 3))
    swing = np.sin(phase)[:, None] * _unit(main) + 0.4 * np.sin(2 * phase + rng.uniform(0, 6))[:, None] * _unit(other)
    strength = rng.uniform(5, 25) * (1 + 0.3 * _smooth(rng.normal(size=count), 0.5))
    rests = 0.5 + 0.5 * np.sign(np.sin(2 * np.pi * seconds / rng.uniform(12, 40) + rng.uniform(0, 6)) + 0.8)
    held = GRAVITY * _unit(_unit(rng.normal(size=3)) + 0.3 * _band(count, 0.1, 1, rng, 3))
    return np.asarray(held + swing * (strength * rests)[:, None] + rng.normal(0, 0.1, (count, 3)))


def cycling(count: int, rng: np.random.Generator) -> Signal:
    """Simulate a phone of a cyclist, in a trouser pocket or at the waist.

    A thigh swings by 35 to 60 degrees with the cadence, 50 to 105 a minute, about a mean that is 20 to 50 degrees from
    horizontal; a trunk rolls and bobs with it by a tenth of that. Coasting stops the swing and leaves the road.
    """
    cadence_hz = rng.uniform(50, 105) / 60 * (1 + 0.06 * _smooth(rng.normal(size=count), 2.0))
    turns = 2 * np.pi * np.cumsum(cadence_hz) / RATE_HZ
    seconds = np.arange(count) / RATE_HZ
    pedals = _smooth((np.sin(2 * np.pi * seconds / rng.uniform(15, 60) + rng.uniform(0, 6)) > -0.7).astype(float), 0.3)
    on_thigh = rng.uniform() < 0.7
    swing = np.deg2rad(rng.uniform(18, 34) if on_thigh else rng.uniform(1, 4))
    wave = np.sin(turns) + rng.uniform(0, 0.25) * np.sin(2 * turns + rng.uniform(0, 6))
    lean = np.deg2rad(rng.uniform(20, 50) if on_thigh else rng.uniform(50, 85)) + swing * wave * pedals
    gravity = GRAVITY * np.stack([np.cos(lean), np.sin(lean), np.zeros(count)], axis=1)
    arm_m = rng.uniform(0.1, 0.3) if on_thigh else 0.1
    speed = np.gradient(lean, 1 / RATE_HZ)
    along, around = -arm_m * speed**2, arm_m * np.gradient(speed, 1 / RATE_HZ)
    inertial = np.stack([along, around, rng.uniform(0.1, 0.6) * np.sin(turns + rng.uniform(0, 6)) * pedals], axis=1)
    road = 10 ** rng.uniform(-0.5, 0.5)
    shaken = road * (_band(count, 3, 20, rng, 3) * 0.5 + _band(count, 0.8, 3, rng, 3) * 0.3)
    turned = (gravity + inertial) @ _rotation(rng).T
    return np.asarray(turned + shaken + rng.normal(0, 0.05, (count, 3)))


KINDS = (
    Kind("table", table),
    Kind("vehicle", vehicle),
    Kind("phone_in_use", in_the_hand),
    Kind("shaking", shaking),
    Kind("bike", cycling),
)


def _gravity(rng: np.random.Generator) -> Signal:
    """Return gravity as a phone measures it that lies on one of its faces, or leans, with errors of scale and bias."""
    face = np.zeros(3)
    face[rng.integers(3)] = rng.choice([-1.0, 1.0])
    lean = _unit(face + rng.normal(0, rng.choice([0.01, 0.3]), 3))
    return np.asarray(GRAVITY * rng.uniform(0.94, 1.06) * lean + rng.normal(0, 0.15, 3))


def _unit(vectors: Signal) -> Signal:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _rotation(rng: np.random.Generator) -> Signal:
    """Return a uniformly random rotation matrix (the Q of a Gaussian matrix, with the sign of R's diagonal)."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return np.asarray(q * np.sign(np.linalg.det(q)))


def _band(count: int, low_hz: float, high_hz: float, rng: np.random.Generator, axes: int = 0) -> Signal:
    """Return noise of one band of frequencies with a standard deviation of 1."""
    shape = (count, axes) if axes else (count,)
    spectrum = np.fft.rfft(rng.normal(size=shape), axis=0)
    frequencies = np.fft.rfftfreq(count, 1 / RATE_HZ)
    spectrum[(frequencies < low_hz) | (frequencies > high_hz)] = 0
    noise = np.fft.irfft(spectrum, count, axis=0)
    return np.asarray(noise / (noise.std() + 1e-12))


def _smooth(signal: Signal, seconds: float) -> Signal:
    """Return the moving average over so many seconds, of each column."""
    length = max(1, round(seconds * RATE_HZ))
    padded = np.concatenate([np.repeat(signal[:1], length, axis=0), signal])
    sums = np.cumsum(padded, axis=0)
    return np.asarray((sums[length:] - sums[:-length]) / length)


def _drift(count: int, rng: np.random.Generator) -> Signal:
    walk = _smooth(rng.normal(size=(count, 3)), 10.0)
    return np.asarray(walk / (walk.std() + 1e-12))


def _blows(count: int, rng: np.random.Generator, *, per_minute: float, strength: float, decay_s: float) -> Signal:
    """Return short decaying blows at random moments, in random directions."""
    starts = rng.uniform(size=count) < per_minute / 60 / RATE_HZ
    impulses = np.where(starts[:, None], rng.normal(size=(count, 3)) * strength, 0.0)
    length = max(2, round(4 * decay_s * RATE_HZ))
    shape = np.exp(-np.arange(length) / (decay_s * RATE_HZ)) * np.cos(np.arange(length) * rng.uniform(0.5, 2.5))
    return np.stack([np.convolve(impulses[:, axis], shape)[:count] for axis in range(3)], axis=1)


def _in_steps(signal: Signal, rng: np.random.Generator) -> Signal:
    """Round to the steps of a sensor of 8 to 16 bits."""
    step = 4 * GRAVITY / 2 ** rng.choice([10, 12, 14, 16])
    return np.asarray(np.round(signal / step) * step)

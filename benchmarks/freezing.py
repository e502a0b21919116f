"""Measure size, agreement and latency of the frozen formats of each network.

    python -m benchmarks.freezing recording.parquet... [--epochs 4]

Each network is trained for a few epochs on most people of the recordings and frozen without limits. Each format is then
compared with the trained network on the windows of the held-out people. Latency is the median time per window with one
thread; pin the process to one core (``taskset -c 1``). For comparison, int8 is also made with quantised activations.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from har.artifacts import Artifact
from recording_files.loading import load_recordings
from trainer.fitting.examples import make_examples
from trainer.fitting.fit import Model, fit
from trainer.fitting.fit_settings import FitSettings
from trainer.fitting.networks import NETWORKS
from trainer.freezing import budgets_of, convert_all, lite_predictor, measure_all, reject_outside
from trainer.freezing.agreement import measure_agreement, trained_probabilities
from trainer.freezing.latency import median_latency_ms
from trainer.freezing.lite import BATCH
from trainer.freezing.traced import trace
from trainer.request import TrainRequest
from trainer.splits import training_people

WINDOWS_PER_EPOCH = 3_200
#: Every n-th person is held out.
HELD_OUT = 5
REPRESENTATIVES = 200


def argument_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recordings", nargs="+", type=Path, help="Parquet tables of labelled recordings")
    parser.add_argument("--epochs", type=int, default=4, help="epochs of training of each network")
    return parser


def main() -> None:
    arguments = argument_parser().parse_args()
    for name in sorted(NETWORKS):
        measure(name, arguments.recordings, arguments.epochs)


def measure(name: str, tables: list[Path], epochs: int) -> None:
    request = TrainRequest(network=name, fit=FitSettings(epochs=epochs, windows_per_epoch=WINDOWS_PER_EPOCH, threads=1))
    recordings = load_recordings(tables)
    people = training_people(recording.person for recording in recordings)
    used = [recording for recording in recordings if recording.person in people]
    held_out = sorted(people)[::HELD_OUT]
    train = make_examples(used, request.training_windows, request.classes).of(set(people) - set(held_out))
    windows = request.normalisation.apply(make_examples(used, request.windows, request.classes).of(held_out).values)
    model = fit(
        name,
        train,
        request.classes,
        steps=request.windows.steps,
        normalisation=request.normalisation,
        settings=request.fit,
    )
    trained = trained_probabilities(model, windows)
    artifacts = measure_all(trained, convert_all(model), windows)
    print(f"\n{name}, {epochs} epochs, {len(windows)} windows of {len(held_out)} held-out people")
    print("| format | bytes | largest difference | same predictions | ms per window |\n|---|---|---|---|---|")
    for artifact in artifacts:
        show(artifact)
    show_fully_quantised(fully_quantised(model, windows), trained, windows)
    reject_outside(artifacts, budgets_of(name))


def show(artifact: Artifact) -> None:
    print(
        f"| {artifact.format} | {artifact.bytes:,} | {artifact.largest_difference:.1e} | "
        f"{artifact.same_prediction:.2%} | {artifact.latency_ms:.2f} |"
    )


def show_fully_quantised(content: bytes, trained: NDArray[np.float32], windows: NDArray[np.float32]) -> None:
    """Print what the network is like with int8 activations, which no release has."""
    predict = lite_predictor(content)
    try:
        found = measure_agreement(trained, predict, windows)
    except RuntimeError as error:  # what LiteRT raises if, for example, a divisor was rounded to 0
        measured = f"LiteRT cannot run it: {error} | |"
    else:
        latency_ms = median_latency_ms(predict, windows)
        measured = f"{found.largest_difference:.1e} | {found.same_prediction:.2%} | {latency_ms:.2f}"
    print(f"| int8 with quantised activations | {len(content):,} | {measured} |", flush=True)


def fully_quantised(model: Model, windows: NDArray[np.float32]) -> bytes:
    """Convert to LiteRT with int8 weights and activations, calibrated on some of the windows that are measured."""
    function, module = trace(model, BATCH)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    chosen = np.random.default_rng(0).choice(len(windows), min(REPRESENTATIVES, len(windows)), replace=False)
    converter.representative_dataset = lambda: ([windows[row][None]] for row in chosen)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8, tf.lite.OpsSet.TFLITE_BUILTINS]
    return bytes(converter.convert())


if __name__ == "__main__":
    main()

"""All values of a request reach the release."""

import io
import warnings

import msgspec
import pytest
from rich.console import Console

from har.releases import Normalisation
from har.signal_quality import SignalBounds
from tests.trainer.made_recordings import made_recording, write_recordings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TensorFlow and TensorFlowOnSpark emit warnings during import
    from tests.trainer import tiny_network
    from trainer.fitting.fit_settings import FitSettings
    from trainer.request import GRAVITY, TrainRequest
    from trainer.runs.record import RunError
    from trainer.runs.run import RunOptions, run_training

# tf2onnx and tf-keras use deprecated functions of numpy and protobuf.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")

SLOW = SignalBounds(lowest_rate_hz=15)
HALF = Normalisation(mean=(0.5, 0.0, -0.5), scale=(5.0, 5.0, 5.0))


def test_the_release_has_the_requests_normalisation_and_bounds_and_a_resumed_run_rejects_others(tmp_path):
    data = write_recordings(
        tmp_path / "made.parquet", [made_recording(f"u{number}", rate_hz=20) for number in range(1, 7)]
    )
    request = TrainRequest(
        data=(str(data),),
        network=tiny_network.NAME,
        classes=("sit", "walk"),
        normalisation=HALF,
        signal_bounds=SLOW,
        shards=2,
        fit=FitSettings(epochs=2, windows_per_epoch=512, batch=32, peak_rate=1e-2, threads=1),
    )
    console = Console(file=io.StringIO())

    with tiny_network.known():
        finished = run_training(request, RunOptions(folder=tmp_path / "run"), console)
        assert finished.candidate.manifest.normalisation == HALF
        assert finished.candidate.manifest.signal_bounds == SLOW
        for name, value in {"normalisation": GRAVITY, "signal_bounds": SignalBounds()}.items():
            other = msgspec.structs.replace(request, **{name: value})
            with pytest.raises(RunError, match=rf"{name}[.a-z_]* was .* and is now"):
                run_training(other, RunOptions(folder=tmp_path / "run", resume=True), console)

"""`har train`: train a network on recordings and freeze it as a release."""

import sys

from har.recordings import RecordingError
from har.training_settings import TrainSettings
from trainer.baseline import TrainingDataError, TrainingPlan, train_release
from trainer.freezing import FreezingError
from trainer.networks import UnknownNetworkError
from trainer.training import FitSettings

FAILED = 1


def run(settings: TrainSettings) -> int:
    """Train as the settings say; return the exit status."""
    plan = TrainingPlan(network=settings.network, fit=FitSettings(epochs=settings.epochs, seed=settings.seed))
    try:
        manifest = train_release(data=settings.data, output=settings.output, plan=plan)
    except (RecordingError, TrainingDataError, FreezingError, UnknownNetworkError) as error:
        print(f"har train: {error}", file=sys.stderr)
        return FAILED
    print(f"{settings.output}: release {manifest.release}, {manifest.artifacts[0].bytes} bytes")
    return 0

"""The training requests of the benchmarks, with the defaults of `har train`."""

from dataclasses import replace
from pathlib import Path

from trainer.fitting.fit_settings import FitSettings
from trainer.request import Mode, TrainRequest


def request_for(
    data: list[Path],
    mode: Mode,
    *,
    workers: int,
    epochs: int | None = None,
    windows_per_epoch: int | None = None,
    seed: int = 0,
) -> TrainRequest:
    """Return a request with the default recipe, except for the given values."""
    default = FitSettings()
    fit = replace(
        default,
        seed=seed,
        epochs=epochs or default.epochs,
        windows_per_epoch=windows_per_epoch or default.windows_per_epoch,
    )
    return TrainRequest(data=tuple(str(path) for path in data), mode=mode, workers=workers, fit=fit)

"""What the benchmarks ask to be trained: the defaults of `har train`."""

from dataclasses import replace
from pathlib import Path

from trainer.distributed.job import Mode
from trainer.runs.plan import TrainingPlan
from trainer.runs.record import TrainRequest


def request_for(
    data: list[Path],
    mode: Mode,
    *,
    workers: int,
    epochs: int | None = None,
    windows_per_epoch: int | None = None,
    seed: int = 0,
) -> TrainRequest:
    """Return a request with the default recipe."""
    plan = TrainingPlan()
    fit = replace(
        plan.fit,
        seed=seed,
        epochs=epochs or plan.fit.epochs,
        windows_per_epoch=windows_per_epoch or plan.fit.windows_per_epoch,
    )
    return TrainRequest(
        data=tuple(str(path) for path in data),
        network=plan.network,
        mode=mode,
        workers=workers,
        preparation=plan.preparation,
        fit=fit,
        unknown_cost=0.02,
    )

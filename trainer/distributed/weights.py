"""Pass the trained weights from the workers to the driver, as plain arrays instead of pickled objects."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from har.process.whole_files import write_whole
from trainer.distributed.job import TrainingJob
from trainer.fitting import networks
from trainer.fitting.fit import Model


def save_weights(weights: Sequence[NDArray[np.float32]], file: Path) -> None:
    """Write a network's weights; the file appears only when it is complete and synced to disk.

    Parameters
    ----------
    weights : sequence of ndarray
        As `get_weights` of the network returns them.
    file : Path
        The file, whose folder exists.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    content = BytesIO()
    np.savez(content, *weights)
    write_whole(file, content.getvalue(), durable=True)


def load_network(job: TrainingJob, file: Path) -> Model:
    """Build a job's network, and load its weights from a file.

    Raises
    ------
    ValueError
        If the weights do not fit the network.
    """
    model = networks.build(job.request.network, steps=job.request.windows.steps, classes=len(job.request.outputs))
    with np.load(file, allow_pickle=False) as arrays:
        model.set_weights([arrays[f"arr_{number}"] for number in range(len(arrays.files))])
    return model

"""Pass the trained weights from the workers to the driver, as plain arrays instead of pickled objects."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np

from har.process.whole_files import write_whole
from trainer.distributed.job import TrainingJob
from trainer.fitting import networks
from trainer.fitting.fit import Model


def save_weights(model: Model, file: Path) -> None:
    """Write a network's weights; the file appears only when it is complete and synced to disk.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    content = BytesIO()
    np.savez(content, *model.get_weights())
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

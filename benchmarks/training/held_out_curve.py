"""Measure the weights of each epoch on held-out people, from checkpoints that are copied during training."""

import os
import shutil
from pathlib import Path
from threading import Event, Thread

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import tensorflow as tf

from har.decisions import NO_THRESHOLDS
from trainer.distributed.epoch_loop import build_model
from trainer.distributed.job import TrainingJob
from trainer.evaluation.scores import measure
from trainer.evaluation.validation import ValidationWindows
from trainer.releases.candidate import classifier
from trainer.run_folder import RunFolder
from trainer.runs.plots import epoch_ends


class CheckpointKeeper(Thread):
    """Copies every checkpoint of a run before training removes it, until `end` is called."""

    def __init__(self, run: Path) -> None:
        super().__init__(daemon=True)
        self._folder = RunFolder(run.resolve())
        self._ended = Event()

    @property
    def kept(self) -> Path:
        """Folder of the copies."""
        return self._folder.path / "kept"

    def run(self) -> None:
        while not self._ended.wait(0.2):
            self._copy()

    def end(self) -> None:
        self._ended.set()
        self.join()
        self._copy()

    def _copy(self) -> None:
        for index in self._folder.checkpoints.glob("ckpt-*.index"):
            if not (self.kept / index.name).exists():
                self.kept.mkdir(exist_ok=True)
                for file in self._folder.checkpoints.glob(f"{index.stem}.*"):
                    shutil.copyfile(file, self.kept / file.name)


def held_out_curve(job: TrainingJob, kept: Path, held_out: ValidationWindows) -> list[tuple[float, float]]:
    """Return for each epoch the training time until its end, s, and macro-F1 on held-out people."""
    model = build_model(job)
    checkpoint = tf.train.Checkpoint(model=model, optimizer=model.optimizer)
    curve = []
    for where in epoch_ends(RunFolder(job.run)):
        checkpoint.restore(str(kept / f"ckpt-{where.epoch}")).expect_partial()
        model.optimizer.finalize_variable_values(model.trainable_variables)
        outcomes = held_out.classify(classifier(model, job.request.normalisation))
        curve.append((where.seconds, measure(outcomes, NO_THRESHOLDS).macro_f1))
    return curve

# %% [markdown]
# # 3. Train synchronously on Spark
#
# Several executors train one network together. Each reads its own part of the recordings. They take every step
# together, on the mean of their gradients, as if one machine took a step with a larger batch
# (`MultiWorkerMirroredStrategy` on TensorFlowOnSpark).
#
# - **You need** Java 17 (Debian: `apt install openjdk-17-jre-headless`), and 4 GB of free memory.
# - **It takes** 2 to 3 minutes on 2 cores. The first epoch includes the start of TensorFlow on each executor.
# - **It writes** the recordings and the run to `.har/notebooks/`.

# %%
import msgspec
import pandas as pd
from simulated_people import WORK, simulated_people, write_recordings
from training_runs import curves, processes, train

from trainer.distributed.job import TrainingJob
from trainer.evaluation.pictures import confusion_picture
from trainer.fitting.fit_settings import FitSettings
from trainer.request import Mode, TrainRequest

# %% [markdown]
# ## The recordings
#
# Those of the notebook [2. Train on one machine](2_train_on_one_machine.ipynb). All machines of a cluster must see
# them under the same path.

# %%
DATA = write_recordings(simulated_people(12, 4), WORK / "people.parquet")

# %% [markdown]
# ## What more workers change
#
# A step covers the batches of all workers, so there are fewer steps in an epoch. The noise of the gradient shrinks with
# the root of its windows, so the learning rate grows by the same factor. You set `--batch` and `--peak-rate` for one
# batch, and they fit any number of workers.

# %%
fit = FitSettings(epochs=6, windows_per_epoch=3_200)
request = TrainRequest(data=(str(DATA),), fit=fit, mode=Mode.SYNC, workers=2, shards=4)


def settings_of(workers: int) -> dict[str, float]:
    """Return what so many workers would do in a step."""
    job = TrainingJob(request=msgspec.structs.replace(request, workers=workers), prepared=WORK, run=WORK)
    used = job.worker_settings
    return {"windows in a step": used.batch, "steps in an epoch": used.steps_per_epoch, "peak rate": used.peak_rate}


pd.DataFrame({workers: settings_of(workers) for workers in (1, 2, 4, 8)}).T.rename_axis("workers")

# %% [markdown]
# ## Train
#
# This is what `har train --mode sync --executors 2 --data …` runs. Spark prepares the recordings, too. Without a
# master, it starts a cluster of this machine with a process for each executor. For a cluster of several machines,
# start it as [docs/training.md](../docs/training.md#on-a-cluster) shows, and pass `master="spark://HOST:7077"`.

# %%
finished = train(request, "sync")

# %% [markdown]
# Each worker is a process of its own, and read its own shards. Both have windows of all activities.

# %%
processes(finished.folder)

# %%
curves(["local", "sync", "async"])

# %% [markdown]
# On a machine of few cores, two workers are hardly faster than one process: they share the cores, and exchange their
# gradients in each step. The second worker pays when it has a core of its own
# ([measured](../docs/training.md#measured)).
#
# ## Evaluate on people that the network was not trained on

# %%
confusion_picture(finished.candidate.validated.scores)

# %% [markdown]
# ## When an executor dies
#
# A synchronous training cannot go on without one of its workers. It ends within half a minute, and says where the logs
# are. The same command with `--resume` continues from the last epoch.
#
# Next: [4. Train asynchronously on Spark](4_train_asynchronously_on_spark.ipynb)

# %% [markdown]
# # 4. Train asynchronously on Spark
#
# Each executor takes a step whenever it is ready, on weights that others may have changed meanwhile. A parameter
# server holds the weights, and a coordinator hands out the steps (`ParameterServerStrategy` on TensorFlowOnSpark).
# Nobody waits for the slowest executor.
#
# - **You need** Java 17 (Debian: `apt install openjdk-17-jre-headless`), and 6 GB of free memory: two workers, the
#   parameter server and the coordinator.
# - **It takes** 4 to 5 minutes on 2 cores.
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

# %%
DATA = write_recordings(simulated_people(12, 4), WORK / "people.parquet")

# %% [markdown]
# ## What more workers change
#
# The workers together take as many steps as one would, so the number of steps stays the same. But while a worker
# computes its gradient, the others move the weights: the gradient is stale by as many steps as there are other workers.
# So the learning rate falls with the root of the workers. A step has several batches, as each costs an exchange with
# the parameter server.

# %%
fit = FitSettings(epochs=6, windows_per_epoch=3_200)
request = TrainRequest(data=(str(DATA),), fit=fit, mode=Mode.ASYNC, workers=2, shards=4)


def settings_of(workers: int) -> dict[str, float]:
    """Return what so many workers would do in a step."""
    job = TrainingJob(request=msgspec.structs.replace(request, workers=workers), prepared=WORK, run=WORK)
    used = job.worker_settings
    return {"windows in a step": used.batch, "steps in an epoch": used.steps_per_epoch, "peak rate": used.peak_rate}


pd.DataFrame({workers: settings_of(workers) for workers in (1, 2, 4, 8)}).T.rename_axis("workers")

# %% [markdown]
# ## Train
#
# This is what `har train --mode async --executors 2 --data …` runs. It starts four executors: two that train, the
# parameter server, and the coordinator.

# %%
finished = train(request, "async")

# %%
processes(finished.folder)

# %% [markdown]
# The roles of all executors, as TensorFlowOnSpark assigned them:

# %%
record = msgspec.json.decode(finished.folder.settings.read_bytes())
pd.DataFrame(record["attempts"][-1]["nodes"])

# %% [markdown]
# ## All three modes
#
# The picture shows the runs of the notebooks 2 and 3, too, if you ran them. It counts seconds, not epochs: a mode is as
# good as what it reaches in the same time. It is no benchmark: the runs did not have the machine to themselves.

# %%
curves(["local", "sync", "async"])

# %%
confusion_picture(finished.candidate.validated.scores)

# %% [markdown]
# ## Which mode
#
# | mode | choose it if |
# |---|---|
# | `local` | the recordings fit into memory, and one machine is fast enough |
# | `sync` | the executors are equally fast; the result is that of a larger batch |
# | `async` | the executors are unequally fast, or may die: the others finish the training |
#
# Next: [5. Classify your own file](5_classify_your_own_file.ipynb)

# %% [markdown]
# # 2. Train on one machine
#
# From recordings to a release: a network that is evaluated on people it was not trained on, and frozen to the four
# formats that servers, phones and browsers run.
#
# - **You need** nothing: the people are simulated. To train on recordings of your own, change `DATA` below.
# - **It takes** about a minute on 2 cores. A good network takes longer: more people, and the default settings.
# - **It writes** the recordings and the run to `.har/notebooks/`.

# %%
import matplotlib.pyplot as plt
import numpy as np
from simulated_people import WORK, simulated_people, write_recordings
from training_runs import curves, train

import har
from trainer.evaluation.pictures import confidence_picture, confusion_picture
from trainer.fitting.augmentation import augment, long_steps
from trainer.fitting.fit_settings import FitSettings
from trainer.request import TrainRequest

plt.rcParams |= {"figure.figsize": (10, 3), "figure.constrained_layout.use": True}
plt.rcParams |= {"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False}

# %% [markdown]
# ## The recordings
#
# Twelve people, four minutes each; half of them have the phone at the waist, the others in a pocket. For real people,
# run `har data fetch hapt` once, and write `DATA = "hapt"`, or the full path of recordings of your own.

# %%
DATA = write_recordings(simulated_people(12, 4), WORK / "people.parquet")

# %% [markdown]
# ## What the network sees
#
# Windows of 4 s: 200 steps of 3 axes. Twelve people wear a phone in twelve ways, and a thirteenth in another. So each
# training window is varied a little each time it is drawn: turned, mirrored, faster or slower, with errors of the
# sensor. Here is one window of walking as it is, and four variations of it.

# %%
fit = FitSettings(epochs=6, windows_per_epoch=3_200)
spec = har.WindowSpec(steps=long_steps(200, fit.augmentation))  # longer, so that they can be stretched
windows = har.windows(DATA, spec=spec)
SHOWN = "walk"  # another label if your recordings have no walking
window = windows.values[windows.table["label"] == SHOWN][:1]
copies = np.repeat(window, 4, axis=0)
yes, no = np.ones(4, bool), np.zeros(4, bool)
varied = augment(copies, yes, no, resting=no, steps=200, settings=fit.augmentation, rng=np.random.default_rng(1))

figure, panels = plt.subplots(1, 5, sharey=True)
for panel, shown in zip(panels, [window[0, :200], *varied], strict=True):
    panel.plot(np.arange(200) / 50, shown, linewidth=0.9)
    panel.set(xlabel="s")
panels[0].set(ylabel="m/s²", title="as recorded")
panels[1].set(title="varied")
figure.legend(["x", "y", "z"], loc="outside right", title="axis")
plt.show()

# %% [markdown]
# ## Train
#
# This is what `har train --data … --epochs 6 --windows-per-epoch 3200 --output …` runs. About a fifth of the people
# are held out. Nothing is trained on them.

# %%
request = TrainRequest(data=(str(DATA),), fit=fit, shards=4)
finished = train(request, "local")

# %%
curves(["local"])

# %% [markdown]
# ## Evaluate on people that the network was not trained on
#
# Each row is what people did, each column what the network predicted. The numbers below the shares are windows.

# %%
validated = finished.candidate.validated
confusion_picture(validated.scores)

# %% [markdown]
# A prediction becomes *unknown* if the probability of background is too large, or that of each class too small. The
# thresholds are chosen so that few correct predictions are lost (`--unknown-cost`).

# %%
confidence_picture(validated.outcomes, validated.choice.thresholds)

# %% [markdown]
# ## The release
#
# The folder has everything that a consumer needs. Each format was compared with the network on held-out windows.

# %%
manifest = finished.candidate.manifest
for file in sorted(finished.candidate.folder.iterdir()):
    print(f"{file.stat().st_size:>9,} bytes  {file.name}")
print("\ntrained on", ", ".join(manifest.training_users))

# %% [markdown]
# ## Somebody new
#
# A person who is in neither part, simulated, too; read a recording of somebody else with `har.read` in its place. The
# upper line is what the person did, the lower one what the release predicts for each window.

# %%
stranger = simulated_people(1, 2, first=41).to_pandas()
release = har.load(finished.candidate.folder)
predicted = release.predict(stranger)

middles = (predicted["start_us"] - predicted["start_us"].iloc[0]) / 1e6 + 2
did = stranger["gt"].to_numpy()[stranger["t"].searchsorted(predicted["start_us"] + 2_000_000)]
figure, (panel, lower) = plt.subplots(2, 1, figsize=(10, 3.4), sharex=True, height_ratios=[1, 1.4])
for place, names in ((1, did), (0, predicted["activity"])):
    colours = [har.activity_style(name).colour for name in names]
    panel.broken_barh([(middle - 0.5, 1) for middle in middles], (place - 0.4, 0.8), color=colours)
panel.set_yticks([0, 1], ["predicted", "did"])
named = [*release.classes, "unknown"]
handles = [plt.Rectangle((0, 0), 1, 1, color=har.activity_style(name).colour) for name in named]
panel.legend(handles, named, ncols=6, loc="lower center", bbox_to_anchor=(0.5, 1))
lower.plot(middles, predicted["confidence"], color="#2f6fb0")
if manifest.background is None:
    lower.axhline(manifest.decision_threshold, color="#b3b7bd", linestyle="--")
lower.set(xlabel="seconds", ylabel="confidence", ylim=(0, 1.02))
plt.show()

# %% [markdown]
# ## Next
#
# - `har evaluate --release .har/notebooks/local/release --data …` evaluates the release on other recordings.
# - `har demo --release .har/notebooks/local/release` serves it to simulated phones.
# - [3. Train synchronously on Spark](3_train_synchronously_on_spark.ipynb)
# - [docs/training.md](../docs/training.md) and [docs/evaluation.md](../docs/evaluation.md) say what the figures mean.

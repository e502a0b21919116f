# %% [markdown]
# # 6. From labelled minutes of your phone to a release
#
# A network that knows you and your own activities: you label some minutes on the phone page, train on them, and serve
# the release to your phone.
#
# - **You need** nothing: the wearer is simulated. To use your own minutes, change `DATA` below.
# - **It takes** about a minute on 2 cores.
# - **It writes** the recordings, the run and a signed store to `.har/notebooks/`.

# %%
import shlex
import shutil
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
from simulated_people import WORK, write_archive
from training_runs import train

import har
from trainer.evaluation.pictures import confusion_picture
from trainer.fitting.fit_settings import FitSettings
from trainer.request import TrainRequest

plt.rcParams |= {"figure.figsize": (10, 3), "figure.constrained_layout.use": True}
plt.rcParams |= {"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False}

# %% [markdown]
# ## Record and label
#
# Run `har demo --lan --archive .har/archive --devices 0`, choose *Add a phone* on the dashboard, and open the page on
# your phone. Choose what you are doing on the phone page, and type a word of your own if the list has none for it.
# Label each activity several times: a minute here and a minute there tell more than one long stretch. Ten labelled
# minutes for each activity are a good beginning. Then write the full path: `DATA = "/home/me/.har/archive"`.
#
# The simulated wearer labels three of every five minutes: sitting, walking, and *Brushing teeth*.

# %%
DATA = write_archive(WORK / "archive", first=0, last=20)

readings = har.read(DATA)
print(*readings.attrs["understood"], sep="\n")

# %%
seconds = readings["t"].diff().where(lambda step: step.between(0, har.WindowSpec().gap_us), 0) / 1e6
minutes = seconds.groupby(readings["gt"], observed=True).sum() / 60
minutes.round(1).rename("minutes").to_frame()

# %%
colours = {name: har.activity_style(name).colour for name in minutes.index}
colours |= {"brushing_teeth": "#d4a017", "unknown": "#b3b7bd", "null": "#e4e8ec"}
figure, panel = plt.subplots()
elapsed = (readings["t"] - readings["t"].iloc[0]) / 60e6
magnitude = np.linalg.norm(readings[["x", "y", "z"]], axis=1)
for name in minutes.index:
    shown = readings["gt"] == name
    panel.scatter(elapsed[shown], magnitude[shown], s=0.2, color=colours[name], label=name)
panel.set(xlabel="minutes", ylabel="magnitude, m/s²")
panel.legend(ncols=4, markerscale=20, loc="lower center", bbox_to_anchor=(0.5, 1))
plt.show()

# %% [markdown]
# The word is read in its canonical form, `brushing_teeth`. `null` are the minutes without a label. Nothing is trained
# on them, but they show how often the network would take them for one of your activities.
#
# ## Train
#
# The classes are the labels you want. With fewer than five people nobody can be held out: the release is *personal*.
# The first four fifths of each labelled stretch are trained on, and the rest validates. **The figures are therefore
# about you, on the same day.** They say nothing about other people, and little about tomorrow. The simulated wearer is
# more regular than anybody, so here they are perfect.

# %%
classes = tuple(sorted(set(minutes.index) - {"null"}))
fit = FitSettings(epochs=8, windows_per_epoch=1_600)
request = TrainRequest(data=(str(DATA),), classes=classes, fit=fit, shards=2)
finished = train(request, "personal")

# %%
confusion_picture(finished.candidate.validated.scores)

# %%
manifest = finished.candidate.manifest
print("personal:", manifest.personal)
outcomes = finished.candidate.validated.outcomes
without_label = outcomes.take(~outcomes.known)
taken = (without_label.predictions(manifest.thresholds) < len(outcomes.classes)).mean()
print(f"{taken:.0%} of the windows without a label are taken for one of the activities")

# %% [markdown]
# The simulated wearer climbed stairs in the minutes without a label. A network that never saw stairs takes them for
# what is most like them. If that matters to you, label them, and make them a class.
#
# ## Try it on another recording
#
# Five later minutes of the simulated wearer, of which the network has seen nothing. For yourself, record and label a
# few more minutes on another day with another `--archive`, and write its path in place of `write_archive(…)`. Where no
# activity is probable enough, the answer is *unknown*. The minutes without a label are the stairs again.

# %%
release = har.load(finished.candidate.folder)
later = har.read(write_archive(WORK / "later", first=20, last=25))
answers = release.predict(later)
middles = (answers["start_us"] - answers["start_us"].iloc[0]) / 1e6 + 2
did = later["gt"].astype(str).to_numpy()[later["t"].searchsorted(answers["start_us"] + 2_000_000)]

figure, panel = plt.subplots(figsize=(10, 1.8))
for place, names in ((1, did), (0, answers["activity"])):
    bars = [(middle - 0.5, 1) for middle in middles]
    panel.broken_barh(bars, (place - 0.4, 0.8), color=[colours.get(name, "#8a8f98") for name in names])
panel.set(xlabel="seconds")
panel.set_yticks([0, 1], ["predicted", "labelled"])
handles = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in colours.values()]
panel.legend(handles, colours, ncols=len(colours), loc="lower center", bbox_to_anchor=(0.5, 1))
plt.show()

# %% [markdown]
# ## Publish it
#
# A store signs releases. Whoever has its root file can verify them: processors, phone pages and edge clients. The
# offline keys belong on another medium; see [docs/store.md](../docs/store.md).


# %%
def run(command: str) -> None:
    """Run a command of the project, and print what it prints."""
    print("$", command)
    words = [sys.executable, "-m", "deploy", *shlex.split(command)[1:]]
    done = subprocess.run(words, cwd=WORK.parents[1], capture_output=True, text=True, check=False)
    print(done.stdout + done.stderr)
    done.check_returncode()


for folder in ("store", "store-keys"):
    shutil.rmtree(WORK / folder, ignore_errors=True)
store = "--store .har/notebooks/store --online-keys .har/notebooks/store-keys/online"
run(f"har store init {store} --offline-keys .har/notebooks/store-keys/offline")
run(f"har store publish .har/notebooks/personal/release {store} --reason 'my first release'")
run("har store list --store .har/notebooks/store")

# %% [markdown]
# ## Use it
#
# - `har demo --lan --release .har/notebooks/personal/release` serves the release to your phone.
# - While a demo runs, `har store publish` with the options that the demo prints switches it to the release.
# - `har train --every 24h --store …` repeats all of this each day, and publishes only what passes the gate
#   ([docs/training.md](../docs/training.md#unattended)).

# %% [markdown]
# # 5. Classify your own file
#
# An export of a phone's app goes in, and the activity of every second comes out. The shipped release classifies it. No
# server, no Kafka and no training is needed.
#
# - **You need** nothing: the file is simulated. To classify a file of your own, change `FILE` below.
# - **It takes** about 10 seconds.
# - **It writes** the simulated file and the table of answers to `.har/notebooks/`.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.signal import butter, sosfiltfilt
from simulated_people import WORK, simulated_people, write_like_app

import har

plt.rcParams |= {"figure.figsize": (10, 3), "figure.constrained_layout.use": True}
plt.rcParams |= {"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False}

# %% [markdown]
# ## The file
#
# Six minutes of a person with the phone in the pocket, as many apps write it: times in ms, readings in g, and nothing
# else. For half a minute the phone measured only 5 times per second, to save its battery. For a recording of your own,
# of one person, write its full path: `FILE = "/home/me/walk.csv"`.

# %%
person = simulated_people(1, 6, first=45)
seconds = (person["t"].to_numpy() - person["t"][0].as_py()) / 1e6
is_slow = (seconds > 200) & (seconds < 230)
kept = ~is_slow | (np.arange(len(seconds)) % 20 == 0)
FILE = write_like_app(person.filter(kept), WORK / "my_phone.csv")

with Path(FILE).open("rb") as file:
    for _ in range(4):
        print(file.readline()[:100].decode(errors="replace").rstrip())

# %% [markdown]
# ## Read it
#
# The columns' names and values tell what they are. What was understood is printed, so that you can see if it is wrong.

# %%
readings = har.read(FILE)
print(*readings.attrs["understood"], sep="\n")
readings.head(3)

# %% [markdown]
# ## Classify it
#
# The answer for each window of 4 s. A window whose readings tell too little gets a `reason` instead of a guess, and one
# that shows none of the activities is `unknown`, with the `kind` where the network is sure, such as a table.

# %%
release = har.load("baseline")
answers = release.predict(FILE)
answers.to_csv(WORK / "windows.csv", index=False)
answers.drop_duplicates(["activity", "reason", "kind"]).round(3)  # the first of each

# %%
hop_minutes = release.manifest.hop_us / 60e6
answers.groupby(["activity", "reason"]).size().mul(hop_minutes).round(1).rename("minutes").to_frame()

# %%
begin = readings["t"].iloc[0]
middles = (answers["start_us"] - begin) / 1e6 + release.manifest.window_spec.length_us / 2e6
figure, (trace, line, sure) = plt.subplots(3, 1, figsize=(10, 5), sharex=True, height_ratios=[3, 0.6, 1.5])
every = max(1, len(readings) // 20_000)  # a long file has more readings than the picture has pixels
shown = readings[::every]
for name in "xyz":
    trace.plot((shown["t"] - begin) / 1e6, shown[name], linewidth=0.5, label=name)
trace.set_ylabel("m/s²")
trace.legend(loc="center left", bbox_to_anchor=(1, 0.5), title="axis")
line.broken_barh(
    [(middle - 0.5, 1) for middle in middles],
    (0, 1),
    color=[har.activity_style(name).colour for name in answers["activity"]],
)
line.set(yticks=[], ylim=(0, 1))
sure.plot(middles, answers["confidence"].where(answers["reason"] == ""), color="#2f6fb0", linewidth=1)
sure.set(ylabel="confidence", xlabel="seconds", ylim=(0, 1.02))
names = [*release.classes, "unknown"]
handles = [plt.Rectangle((0, 0), 1, 1, color=har.activity_style(name).colour) for name in names]
figure.legend(handles, names, ncols=len(names), loc="outside upper center")
plt.show()

# %% [markdown]
# ## What it refuses
#
# A network always names an activity, also for readings that mean something else. So the recording is checked first.
# Here the app wrote the acceleration without gravity. The direction of gravity is what tells sitting from standing.

# %%
axes = readings[["x", "y", "z"]].to_numpy(np.float64)
gravity = sosfiltfilt(butter(2, 0.3, fs=100, output="sos"), axes, axis=0)
without = readings.assign(**{name: axes[:, place] - gravity[:, place] for place, name in enumerate("xyz")})
try:
    release.predict(without)
except har.RecordingError as error:
    print(error)

# %% [markdown]
# And here nothing tells which columns are the axes. The error names the columns that were found, and how to say it.

# %%
renamed = readings[["t", "x", "y", "z"]].set_axis(["when", "a", "b", "c"], axis="columns")
try:
    release.predict(renamed)
except har.RecordingError as error:
    print(error)

# %%
release.predict(renamed, time="when", time_unit="us", x="a", y="b", z="c")["activity"].value_counts()

# %% [markdown]
# ## The same without Python
#
# `har classify my_phone.csv -o windows.csv --plot plot.html` writes the same table and a picture, and prints a summary
# of the steady activities.
#
# - [docs/classify.md](../docs/classify.md): the command, its table and its summary
# - [docs/api.md](../docs/api.md): all of `har.read`, `har.load` and `har.windows`
# - [6. From labelled minutes of your phone to a release](6_from_labelled_minutes_to_a_release.ipynb)

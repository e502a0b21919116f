# %% [markdown]
# # 1. Look at recordings
#
# Before you train a network, look at what the phones recorded: who did what for how long, how often the phones
# measured, and what each activity looks like.
#
# - **You need** nothing: the people are simulated. To look at a file of your own, change `FILE` below.
# - **It takes** about 10 seconds.
# - **It writes** a table of 20 MB to `.har/notebooks/`.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.signal import welch
from simulated_people import SHARED_DATA, WORK, simulated_people, write_like_hhar

import har

plt.rcParams |= {"figure.figsize": (10, 3), "figure.constrained_layout.use": True}
plt.rcParams |= {"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False}


def colour(activity: str) -> str:
    """Return the colour that the dashboard uses, too."""
    return har.activity_style(activity).colour


# %% [markdown]
# ## The file
#
# The table has the columns of HHAR, a public data set of nine people and eight phones
# ([Stisen et al., 2015](https://archive.ics.uci.edu/dataset/344)). Its people are simulated. To look at the real
# data set, run `har data fetch hhar` once, and write `FILE = "hhar"`. A file or a folder of your own works as well,
# with its full path: `FILE = "/home/me/walks.csv"`.

# %%
FILE = write_like_hhar(simulated_people(8, 3), WORK / "like_hhar.csv")

readings = har.read(FILE)
print(*readings.attrs["understood"], sep="\n")

# %%
readings.groupby("gt", observed=True).sample(1, random_state=0)

# %% [markdown]
# `t` is the event time: when the phone measured the reading, in µs since 1970. `x`, `y` and `z` are in m/s², gravity
# included. `gt` is the ground truth: what the person did.
#
# ## Who did what for how long
#
# A network can only learn what the recordings show, and it should learn it from many people. A zero in this table is
# a person who never showed the activity.

# %%
in_order = readings.sort_values(["device", "user", "session", "t"])
spacing = in_order.groupby(["device", "user", "session"], observed=True)["t"].diff() / 1e6  # s
in_order["seconds"] = spacing.where(spacing <= har.WindowSpec().gap_us / 1e6, 0)  # a longer pause is a gap
minutes = in_order.pivot_table("seconds", "user", "gt", "sum", fill_value=0, observed=True) / 60
minutes = minutes[sorted(minutes)]
minutes.round(1)

# %%
colours, size = [colour(name) for name in minutes.columns], (10, max(3, 1 + 0.25 * len(minutes)))
panel = minutes.plot.barh(stacked=True, color=colours, width=0.7, figsize=size)
panel.set(xlabel="minutes", ylabel="")
panel.legend(ncols=5, loc="lower center", bbox_to_anchor=(0.5, 1))
plt.show()

# %% [markdown]
# ## How often the phones measured
#
# Phones measure at different rates, and none of them does it evenly. The network needs one rate. So the readings are
# resampled to 50 values per second, on a grid of event time. A fixed number of raw readings would be 1 s on one phone
# and 4 s on another.

# %%
steps = in_order[in_order["seconds"] > 0].groupby("model", observed=True)["seconds"]
pd.DataFrame(
    {
        "readings": in_order["model"].value_counts(),
        "mean rate, Hz": (1 / steps.mean()).round(1),
        "longest spacing, ms": (1_000 * steps.max()).round(1),
    }
)

# %%
figure, panel = plt.subplots()
bins = np.linspace(0, 1_100 * steps.quantile(0.999).max(), 181).tolist()
for model, seconds in steps:
    panel.hist(1_000 * seconds, bins=bins, histtype="step", density=True, label=str(model))
panel.set(xlabel="milliseconds from one reading to the next", ylabel="density", yscale="log")
panel.legend(title="model")
plt.show()

# %% [markdown]
# ## What each activity looks like
#
# Four seconds of each activity, of one person if that person showed it: a window, which is as much as the network sees
# at a time. `har.windows` cuts all of them, as the trainer and the stream do. Each has 200 steps of 3 axes, in m/s².
# Windows with a change of the activity have no label.

# %%
windows = har.windows(FILE)


def windows_of(activity: str, user: str | None = None) -> np.ndarray:
    """Return the windows of an activity, of everybody or of one person; float32 (n, 200, 3)."""
    table = windows.table
    return windows.values[(table["label"] == activity) & ((table["user"] == user) if user else True)]


activities = [name for name in minutes.columns if len(windows_of(name))]
activities = [name for name in activities if name != "null"] or activities  # a file without labels has no others
if not activities:
    raise har.RecordingError(f"{FILE} has no 4 s of one activity without a gap: longer recordings are needed")
size = (max(12, 1.7 * len(activities)), 2.8)
figure, grid = plt.subplots(1, len(activities), figsize=size, sharey=True, squeeze=False)
panels = grid[0]
for panel, activity in zip(panels, activities, strict=True):
    shown = windows_of(activity, minutes.index[0])
    shown = shown if len(shown) else windows_of(activity)
    panel.plot(np.arange(200) / 50, shown[len(shown) // 2], linewidth=0.9)
    panel.set(title=har.activity_style(activity).title, xlabel="s")
panels[0].set_ylabel("m/s²")
figure.legend(["x", "y", "z"], loc="outside right", title="axis")
plt.show()

# %% [markdown]
# ## What tells activities apart
#
# The rhythm of the movement: a spectrum shows how strong it is at which frequency. Walking and stairs have a peak at
# the rhythm of the steps, near 2 Hz. On stairs there is more movement at lower frequencies. Sitting and standing have
# hardly any movement, and look the same here.

# %%
figure, panel = plt.subplots(figsize=(10, 3.5))
for activity in activities:
    frequencies, power = welch(np.linalg.norm(windows_of(activity), axis=2), fs=50, nperseg=200)
    panel.plot(frequencies[1:], np.median(power, axis=0)[1:], color=colour(activity), label=activity)
panel.set(xlabel="Hz", ylabel="(m/s²)² per Hz", yscale="log", xlim=(0, 10), ylim=(1e-5, 50))
panel.legend(ncols=5, loc="lower center", bbox_to_anchor=(0.5, 1))
plt.show()

# %% [markdown]
# The direction of gravity: it shows how the phone is turned. Each line below is a person who sat and stood. It begins
# at the median direction while sitting, and ends at that while standing. In the pocket the thigh turns the phone by a
# quarter turn. At the waist the two directions differ by a few degrees for some people and by 30 for others, and one
# person's sitting is another's standing. This is why a network must be tested on **people that it was not trained on**.
# A random split of the windows would reward it for recognising the person.

# %%
figure, panel = plt.subplots(figsize=(6.5, 5))
for device, user in windows.table[["device", "user"]].drop_duplicates().itertuples(index=False):
    ends = []
    for activity in ("sit", "stand") if len(windows_of("sit", user)) and len(windows_of("stand", user)) else ():
        x, y, z = np.median(windows_of(activity, user), axis=(0, 1))
        ends.append((np.degrees(np.arctan2(x, np.hypot(y, z))), np.degrees(np.arctan2(y, np.hypot(x, z)))))
        marker = "s" if "pocket" in device else "o"
        panel.scatter(*ends[-1], color=colour(activity), marker=marker, s=36, zorder=2)
    if ends:
        panel.plot(*np.transpose(ends), color="#b3b7bd", zorder=1)
panel.set(xlabel="tilt of x, degrees", ylabel="tilt of y, degrees")
panel.set_title("sitting: blue, standing: turquoise; in the pocket: squares", fontsize=10)
plt.show()

# %% [markdown]
# ## The real data set
#
# If an excerpt of HHAR's own file is here, the next cell shows why real readings need care: they do not arrive in the
# order in which they were measured. Windows are cut in event time, so the order of the rows does not matter.

# %%
excerpts = sorted((SHARED_DATA / "hhar_excerpt").glob("Phones_accelerometer*.csv"))
for excerpt in excerpts:
    real = har.read(excerpt)
    print(f"{excerpt.name}: {len(real):,} readings, {(real['t'].diff() < 0).sum()} of them earlier than the row before")
    print(f"  labels: {', '.join(sorted(real['gt'].unique()))}")
if not excerpts:
    print(f"there is no hhar_excerpt in {SHARED_DATA}")

# %% [markdown]
# ## Next
#
# - `har data report --data FILE` writes such pictures as one page, and lists the faults it finds in the file.
# - [2. Train on one machine](2_train_on_one_machine.ipynb)
# - [docs/data.md](../docs/data.md) describes the formats.

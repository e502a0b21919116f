"""Default values of a training. Settings and requests share them, and neither has to import the other."""

from har.background import NO_ACTIVITIES

#: The activities that HAPT, the pocket recordings and HHAR have in common. HHAR also has cycling.
CLASSES = ("sit", "stand", "walk", "stairsup", "stairsdown")
#: Labels that show none of the activities, or an activity that is no class.
BACKGROUND = (*NO_ACTIVITIES, "bike", "lie", "jog", "run")
#: A name in `trainer.fitting.networks.NETWORKS`.
NETWORK = "conv_features"
#: Share of the wearers of each data set who validate.
HELD_OUT_SHARE = 0.2
#: Files per split.
SHARDS = 16
#: Share of the correct predictions that may become unknown.
UNKNOWN_COST = 0.03
#: Longest training on executors, s.
TIME_LIMIT_SECONDS: float = 172_800

EPOCHS = 20
WINDOWS_PER_EPOCH = 9_600
#: Windows per batch.
BATCH = 64
#: Learning rate after the warm-up.
PEAK_RATE = 3e-3
CLIP_NORM = 1.0
SEED = 0
THREADS = 2

"""Recordings to shards of labelled windows: the same code in one process and on Spark.

What is stored is not windows, which overlap and would be many times the recordings' size, but **pieces**
(`trainer.preparation.pieces`): runs of the resampled signal, each value once, of which windows are slices. Who is
trained on and who is held out is decided by person before anything is cut.
"""

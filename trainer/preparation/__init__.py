"""Prepare recordings: cut them and write shards of labelled windows, in one process or on Spark, with the same code.

Windows overlap, so storing them would take many times the size of the recordings. Shards hold **pieces** instead
(`trainer.preparation.pieces`): runs of the resampled signal, of which windows are slices. Each person is assigned to a
split before anything is cut.
"""

"""Fitting a network to windows: networks, batches, augmentation, and the loop over epochs."""

"""Fit a network to windows: network architectures, batches, augmentation, and the loop over epochs."""

"""Releases: opening a release folder, verifying it, and classifying windows with it."""

"""Judging a canary by its predictions and those of the stable release for the same windows."""

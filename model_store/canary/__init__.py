"""Judging a canary by what it and the stable release say of the same windows."""

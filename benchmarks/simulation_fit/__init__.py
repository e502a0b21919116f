"""Fitting of the simulated wearers' parameters to recordings; needs scipy."""

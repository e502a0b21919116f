"""Fits the parameters of the simulated wearers to recordings; needs scipy."""

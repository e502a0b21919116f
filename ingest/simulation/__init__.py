"""Simulated wearers: generates the readings of phones from a table of fitted parameters."""

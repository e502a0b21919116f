"""Simulated recordings of movements that no available data set shows enough of."""

"""Senders of readings: the Python client of the gateway, simulated phones, and replayed recordings."""

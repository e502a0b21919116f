"""Simulated wearers: phones whose signals are drawn from a table of fitted parameters."""

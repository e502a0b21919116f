"""Fetching of public data sets: `har data fetch`."""

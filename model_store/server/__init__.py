"""Serving a store over HTTP: its files, what it holds, changes of it, and their announcement."""

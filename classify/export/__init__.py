"""Releases in the layouts of other tools: `har release export`."""

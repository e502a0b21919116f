"""Releases: opening a release folder, verifying it, and classifying windows with it."""

import os

# ONNX Runtime's wheel has telemetry in it, on by default, which also writes a file into the temporary folder.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

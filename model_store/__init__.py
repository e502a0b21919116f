"""Releases: open and verify a release folder, classify windows with it, and the signed store of releases."""

import os

# The wheel of ONNX Runtime contains telemetry that is on by default and writes a file to the temporary folder.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

"""Training: turn recordings into windows, fit a network to the windows, and freeze the network as a release.

Only this package imports TensorFlow, and only in the modules that build, fit or freeze networks. Preparation and
evaluation work without it.
"""

import os

# ONNX Runtime's wheel sends telemetry by default, and writes a file into the temporary folder for it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

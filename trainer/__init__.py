"""Training: recordings to windows, windows to a network, a network to a frozen release.

TensorFlow is imported in this package only, and there by what builds, fits or freezes networks: neither preparation nor
evaluation needs it.
"""

import os

# ONNX Runtime's wheel has telemetry in it, on by default, which also writes a file into the temporary folder.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

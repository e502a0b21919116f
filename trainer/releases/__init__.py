"""Make a release folder: artifacts, manifest and model card."""

"""Writing a release: its formats, its manifest and its model card."""

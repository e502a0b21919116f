"""Classification of recordings in files: `har classify`, and the Python door `har.load`."""

"""A run of training, from recordings to a published release: its plan, folder, record and rounds."""

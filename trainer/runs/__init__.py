"""Training runs, from recordings to a published release: the folder, the record, and scheduled rounds."""

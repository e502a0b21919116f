"""Putting the services together: the command line, the embedded stack and the deployment files."""

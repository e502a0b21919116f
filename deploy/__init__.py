"""Run the services together: the command line, the embedded stack, the audit and the deployment files."""

"""The gate: whether a candidate may be published, compared with the current release."""

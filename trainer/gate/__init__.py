"""The gate: decides whether a candidate may be published, by comparison with the current release."""

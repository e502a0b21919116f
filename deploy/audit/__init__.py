"""The auditor: whether the stream lost, invented, changed or disordered anything.

What must have been predicted is computed offline from readings that are known (the senders' journals, or the
log itself) and compared with the predictions that Kafka holds.
"""

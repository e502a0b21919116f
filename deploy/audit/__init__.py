"""The audit: whether the stream lost, invented, changed or reordered anything.

It computes the expected predictions offline from known readings (the senders' journals, or the log itself) and
compares them with the predictions in Kafka.
"""

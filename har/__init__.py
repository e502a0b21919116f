"""The domain of human-activity recognition: messages, event-time windows, predictions and releases.

The package holds pure functions over arrays and the typed messages that the services exchange. It depends on no
Kafka or Redis client, no web framework and no neural-network library. `har.process` holds what every process needs.
"""

"""The domain of human-activity recognition: messages, event-time windows, predictions and releases.

Nothing in this package knows of Kafka, Redis, a web framework or a neural network: it holds pure
functions over arrays and the typed messages that the services exchange.
"""

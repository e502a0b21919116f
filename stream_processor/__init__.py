"""The stream processor: batches from Kafka to windows, windows to predictions, predictions to Kafka and Redis."""

"""The stream processor: readings from Kafka to windows, windows to activities, activities to Kafka and Redis."""

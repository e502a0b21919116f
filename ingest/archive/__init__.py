"""The archiver: readings and labels from Kafka to Delta Lake tables, each once."""

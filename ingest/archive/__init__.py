"""The archiver: copies readings and labels from Kafka to Delta Lake tables, each exactly once."""

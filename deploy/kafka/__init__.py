"""Apache Kafka without Docker: downloaded with Maven, and run as Java processes on loopback."""

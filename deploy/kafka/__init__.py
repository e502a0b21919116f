"""Apache Kafka without Docker: fetched with Maven, run as plain Java processes on loopback."""

"""The path from phones to Kafka: the gateway, the senders, the device registry, the phone page and the archive."""

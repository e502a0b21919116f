"""Phones to Kafka: the gateway, its Kafka publisher, the device client, replay and simulated phones."""

"""What every process needs: settings, log format, signals, crash-safe files, back-off and Kafka clients."""

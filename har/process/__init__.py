"""What every process needs: its settings, log format, signals, files that survive a crash, and connections to Kafka."""

"""The edge client: pulls signed releases and classifies on the device.

It cuts the same windows as the stream processor and the trainer. It depends on LiteRT, NumPy, python-tuf and a
WebSocket client, and on neither TensorFlow nor Kafka.
"""

"""The edge client: pulls signed releases and classifies on the device, with the windows of the stream and the trainer.

It needs LiteRT, NumPy and python-tuf, and neither TensorFlow nor Kafka.
"""

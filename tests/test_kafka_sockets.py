import gc
import socket
import warnings

from kafka.net.inet import KafkaNetSocket
from kafka.net.transport import KafkaSSLTransport


def give_up_connections():
    """Leave a socket that never connected, and one with TLS, as kafka-python does."""
    kind = socket.AF_INET, socket.SOCK_STREAM
    KafkaNetSocket().socket(*kind)
    KafkaSSLTransport(None, KafkaNetSocket().socket(*kind), host="localhost")


def test_the_sockets_that_kafka_python_leaves_close_without_a_warning():
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", ResourceWarning)
        give_up_connections()
        gc.collect()
    assert [str(each.message) for each in warned] == []

"""Addresses that a service cannot listen on."""

import socket

import pytest

from deploy.ports import free_port
from har.process.addresses import require_free


def test_an_address_in_use_is_named_with_the_option_that_sets_it():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError, match=rf"cannot listen on 127.0.0.1:{port}: .* in use; .* Set --web-port"):
            require_free("127.0.0.1", port, "--web-port")
    require_free("127.0.0.1", free_port(), "--web-port")
    require_free("127.0.0.1", 0, "--web-port")

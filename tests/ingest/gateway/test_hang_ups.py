import asyncio
import socket
import sys

import pytest

from ingest.gateway.hang_ups import HangUps

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no epoll")


def connected() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        mine = socket.create_connection(server.getsockname())
        return mine, server.accept()[0]


async def test_a_disconnect_behind_unread_bytes_is_reported_once():
    mine, other = connected()
    ends = []
    with mine, HangUps() as hang_ups, hang_ups.watched(mine.fileno(), lambda: ends.append(1)):
        other.sendall(b"not read")
        await asyncio.sleep(0.05)
        assert ends == []
        other.close()
        await asyncio.sleep(0.05)
        assert ends == [1]
        assert mine.recv(100) == b"not read"


async def test_nothing_is_reported_after_the_context_or_for_a_reused_descriptor():
    ends = []
    with HangUps() as hang_ups:
        first, first_other = connected()
        number = first.fileno()
        watching_first = hang_ups.watched(number, lambda: ends.append("first"))
        watching_first.__enter__()
        first.close()
        second, second_other = connected()
        assert second.fileno() == number
        with second, hang_ups.watched(number, lambda: ends.append("second")):
            watching_first.__exit__(None, None, None)
            first_other.close()
            second_other.close()
            await asyncio.sleep(0.05)
            assert ends == ["second"]
        third, third_other = connected()
        with third, hang_ups.watched(third.fileno(), lambda: ends.append("third")):
            pass
        third_other.close()
        await asyncio.sleep(0.05)
        assert ends == ["second"]

"""Clients of a real Redis: by TLS, by a Unix socket, by Sentinel, and of a cluster."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from deploy.ports import free_port
from har.process.redis_clients import failures_of, open_redis
from har.process.redis_errors import kind_of, words_of
from tests.redis_groups import cluster, sentinel_group, tls_in_front
from tests.redis_server import RedisServer

pytestmark = pytest.mark.redis


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(free_port(), tmp_path, options=("--unixsocket", str(tmp_path / "redis.sock"))) as started:
        yield started


def ask(url: str) -> object:
    with contextlib.closing(open_redis(redis, url)) as opened:
        return opened.client.ping()


def failure(url: str) -> str:
    with pytest.raises(failures_of(redis)) as raised:
        ask(url)
    return words_of(raised.value)


def test_tls_verifies_the_authority_and_the_name(server: RedisServer, certificate: tuple[Path, Path]) -> None:
    authority = f"ssl_ca_certs={certificate[0]}"
    with tls_in_front(server.port, certificate) as port:
        assert ask(f"rediss://127.0.0.1:{port}/0?{authority}") is True
        assert ask(f"rediss://localhost:{port}/0?{authority}") is True
        assert "self-signed" in failure(f"rediss://127.0.0.1:{port}/0")
        assert "set ssl_ca_certs in the URL" in failure(f"rediss://127.0.0.1:{port}/0")
        failure(f"redis://127.0.0.1:{port}/0?socket_timeout=2")  # plain text to a port with TLS
    with tls_in_front(server.port, certificate, host="127.0.0.2") as port:
        assert "not valid for '127.0.0.2'" in failure(f"rediss://127.0.0.2:{port}/0?{authority}")
        assert "use a name or an address that is in its certificate" in failure(
            f"rediss://127.0.0.2:{port}/0?{authority}"
        )
        assert ask(f"rediss://127.0.0.2:{port}/0?{authority}&ssl_check_hostname=false") is True


def test_tls_presents_the_clients_certificate(server: RedisServer, certificate: tuple[Path, Path]) -> None:
    made, key = certificate
    with tls_in_front(server.port, certificate, clients=made) as port:
        url = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={made}"
        failure(url)
        assert ask(f"{url}&ssl_certfile={made}&ssl_keyfile={key}") is True


def test_a_user_by_a_unix_socket(server: RedisServer, tmp_path: Path) -> None:
    with redis.Redis(port=server.port) as client:
        client.acl_setuser("someone", enabled=True, passwords=["+p@ss"], commands=["+ping"])
    socket = tmp_path / "redis.sock"
    assert ask(f"unix://someone:p%40ss@{socket}?db=0") is True
    assert failure(f"unix://someone:wrong@{socket}").startswith("WRONGPASS")


def test_a_client_publishes_once_though_the_reply_is_lost(server: RedisServer) -> None:
    with redis.Redis(port=server.port) as client, client.pubsub(ignore_subscribe_messages=True) as channel:
        channel.subscribe("channel")
        channel.get_message(timeout=5)
        with contextlib.closing(open_redis(redis, f"{server.url}?socket_timeout=0.2")) as opened:
            script = "redis.call('publish', 'channel', '1'); while redis.call('time')[1] < ARGV[1] do end"
            until = client.time()[0] + 2
            with pytest.raises(redis.TimeoutError) as raised:
                opened.client.eval(script, 0, until)
        assert kind_of(raised.value) == "timeout"
        messages = [channel.get_message(timeout=3), channel.get_message(timeout=0.5)]
        assert [message is not None for message in messages] == [True, False]


@pytest.mark.slow
def test_sentinel_names_the_master_and_a_cluster_holds_any_key(tmp_path: Path) -> None:
    for name in ("sentinel", "cluster"):
        (tmp_path / name).mkdir()
    with sentinel_group(tmp_path / "sentinel") as group:
        with contextlib.closing(open_redis(redis, group.url)) as opened:
            assert opened.client.set("key", "value") is True
            assert opened.client.get_connection_kwargs()["db"] == 0
        with redis.Redis(port=group.master.port) as client:
            assert client.get("key") == b"value"
        assert "No master found for 'other'" in failure(group.url.replace("/har/", "/other/"))
    with cluster(tmp_path / "cluster") as ports:
        url = "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in [free_port(), *ports]) + "/"
        with contextlib.closing(open_redis(redis, url)) as opened:
            for number in range(20):
                opened.client.set(f"key-{number}", number)
            assert [opened.client.delete(f"key-{number}") for number in range(20)] == [1] * 20

from pathlib import Path

import pytest

from har.process.redis_address import RedisNode, parse_redis_url
from har.process.settings import masked_url
from stream_processor.settings import ProcessorSettings


def test_one_server():
    address = parse_redis_url("redis://someone:p%40ss@[::1]:6380/3?protocol=2")
    assert (address.kind, address.nodes) == ("server", (RedisNode("::1", 6380),))
    assert address.options == {"username": "someone", "password": "p@ss", "protocol": 2, "db": 3}
    assert "p@ss" not in repr(address)


def test_a_unix_socket():
    address = parse_redis_url("unix:///run/redis.sock?db=2")
    assert (address.nodes, address.options) == ((), {"db": 2, "unix_socket_path": "/run/redis.sock"})


def test_sentinel_with_credentials_of_its_own():
    url = "redis+sentinel://someone:one@h1,h2:26380/mymaster/4?sentinel_username=s&sentinel_password=two"
    address = parse_redis_url(url)
    assert (address.kind, address.master) == ("sentinel", "mymaster")
    assert address.nodes == (RedisNode("h1", 26379), RedisNode("h2", 26380))
    assert address.options == {"username": "someone", "password": "one", "db": 4}
    assert address.sentinel_options == {"username": "s", "password": "two"}
    assert "one@" not in masked_url(url)
    assert "two" not in masked_url(url)


def test_a_cluster_with_tls(certificate: tuple[Path, Path]):
    address = parse_redis_url(f"rediss+cluster://:one@h1:7000,h2:7001/?ssl_ca_certs={certificate[0]}")
    assert (address.kind, address.nodes) == ("cluster", (RedisNode("h1", 7000), RedisNode("h2", 7001)))
    assert address.options == {
        "password": "one",
        "ssl": True,
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
        "ssl_ca_certs": str(certificate[0]),
    }


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://secret@h", "must begin with redis://, rediss://"),
        ("h:6379", "must begin with"),
        ("redis://:secret@", "names no host"),
        ("redis://:secret@h:0", "port of 'h'"),
        ("redis://:secret@h:x", "port of 'h'"),
        ("redis://:secret@h1,h2", "redis+sentinel:// or redis+cluster://"),
        ("redis://:secret@h/x", "database of Redis is no number"),
        ("redis://:secret@h/0/1", "longer path"),
        ("redis://:secret@h?retry_on_timeout=1", "'retry_on_timeout' is no option"),
        ("redis://:secret@h?ssl_ca_certs=/a", "needs TLS, as in rediss://"),
        ("redis://:secret@h?socket_timeout=0", "socket_timeout in the URL of Redis"),
        ("rediss://:secret@h?ssl_check_hostname=maybe", "neither true nor false"),
        ("rediss://:secret@h?ssl_cert_reqs=none", "'ssl_cert_reqs' is no option"),
        ("rediss://:secret@h?ssl_ca_certs=/nowhere.pem", "cannot use the files /nowhere.pem"),
        ("rediss://:secret@h?ssl_keyfile=/nowhere.pem", "needs ssl_certfile"),
        ("redis+sentinel://:secret@h", "names the master"),
        ("redis+cluster://:secret@h/1", "database 0 only"),
        ("unix://:secret@h/run/redis.sock", "has a path and no host"),
    ],
)
def test_a_wrong_url_is_explained_without_its_password(url: str, reason: str):
    with pytest.raises(ValueError, match=r"Redis|redis|socket|Sentinel|ssl") as raised:
        parse_redis_url(url)
    assert reason in str(raised.value)
    assert "secret" not in str(raised.value)


def test_settings_reject_a_wrong_url():
    with pytest.raises(ValueError, match="names the master"):
        ProcessorSettings(redis_url="redis+sentinel://h")

"""`har devices` at the command line."""

import re
import subprocess
import sys

import pytest
from redis import Redis

from har.live import device_key
from ingest.devices import tokens
from ingest.devices.errors import NotAdmittedError, RegistryError
from ingest.devices.registry import Registry
from tests.command_line import CommandLine


@pytest.fixture
def devices(tmp_path, monkeypatch, capsys):
    """Calls `har devices` in this process."""

    def call(*words, registry=None):
        chosen = ["--registry", registry or f"sqlite:///{tmp_path}/devices.sqlite3"]
        return CommandLine(monkeypatch, capsys).call("devices", words[0], *chosen, *words[1:])

    return call


def test_enrol_prints_an_address_a_code_and_a_picture_of_it(tmp_path):
    command = [sys.executable, "-m", "deploy", "devices", "enrol", "annas-phone"]
    command += ["--registry", f"sqlite:///{tmp_path}/devices.sqlite3", "--url", "https://10.0.0.5:8600"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert said.returncode == 0
    code = re.search(r"type the code: +([A-Z2-9-]{14})\n", said.stdout)[1]
    assert f"https://10.0.0.5:8600/phone/#enrol={code}\n" in said.stdout
    assert "█" in said.stdout
    with Registry(f"sqlite:///{tmp_path}/devices.sqlite3") as registry:
        device, secret = registry.enrol(code)
        assert device.name == "annas-phone"
        assert registry.recognise("annas-phone", secret) == device


def test_a_device_is_listed_revoked_and_comes_back(devices, tmp_path):
    assert "no devices" in devices("list").out
    printed = devices("token", "logger", "--wearer", "anna", "--frame", "ios")
    token = printed.out.removeprefix("Authorization: Bearer ").strip()
    with Registry(f"sqlite:///{tmp_path}/devices.sqlite3") as registry:
        credential = tokens.read(registry.signing_key(), token)
        assert (credential.device, credential.frame, credential.wearer) == ("logger", "ios", "anna")
        assert re.match(r"logger  enrolled .* ios +worn by anna", devices("list").out)
        assert devices("revoke", "logger").status == 0
        assert registry.generations() == {"logger": 1}
        assert "revoked" in devices("list").out
        devices("token", "logger")
        again = registry.devices()[0]
        assert (again.revoked_at, again.wearer, again.frame) == (None, "anna", "ios")


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("revoke", "nobody"), 1, "there is no device nobody"),
        (("enrol", "a b"), 2, "is not 1 to 64 letters"),
        (("enrol", "x", "--frame", "windows"), 2, "frame"),
    ],
)
def test_what_cannot_be_done_is_explained(devices, tmp_path, words, status, says):
    said = devices(*words)
    assert (said.status, says in said.err) == (status, True)


def test_a_registry_that_cannot_be_used_is_explained(devices, tmp_path):
    (tmp_path / "devices.sqlite3").write_bytes(b"this is no database" * 100)
    said = devices("list")
    assert said.status == 1
    assert said.err.startswith("har devices: the registry of devices cannot be used")
    for url in ("nonsense", "mysql://h/d"):
        assert "cannot be opened" in devices("list", registry=url).err


def test_two_registries_of_the_same_file_sign_with_the_same_key(tmp_path):
    url = f"sqlite:///{tmp_path}/devices.sqlite3"
    with Registry(url) as one, Registry(url) as other:
        assert one.signing_key() == other.signing_key()
        with pytest.raises(NotAdmittedError):
            other.enrol("never")


def test_nothing_that_lets_somebody_in_is_in_the_registry(tmp_path):
    url = f"sqlite:///{tmp_path}/devices.sqlite3"
    with Registry(url) as registry:
        code = registry.invite("d", wearer=None, frame="unknown", seconds=60)
        _, secret = registry.enrol(registry.invite("e", wearer=None, frame="unknown", seconds=60))
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert code.replace("-", "").encode() not in stored
    assert secret.encode() not in stored
    assert oct((tmp_path / "devices.sqlite3").stat().st_mode)[-3:] == "600"


def test_a_device_is_forgotten_where_it_lies(devices, tmp_path, redis_url):
    with Redis.from_url(redis_url) as redis:
        redis.set(device_key("annas-phone"), b"walking")
        devices("token", "annas-phone", "--wearer", "anna")
        forgetting = ("forget", "annas-phone", "--archive", f"{tmp_path}/archive", "--redis-url", redis_url)
        said = devices(*forgetting)
        assert said.status == 0, said.err
        assert re.match(r"registry: erased.*\narchive: 0 readings.*\nRedis: erased\nKafka: .* 7 days", said.out)
        assert redis.get(device_key("annas-phone")) is None
    with Registry(f"sqlite:///{tmp_path}/devices.sqlite3") as registry:
        (left,) = registry.devices()
        assert (left.wearer, left.enrolled_at, left.generation) == (None, None, 1)


def test_what_cannot_be_reached_is_said_and_the_rest_is_forgotten(devices, tmp_path):
    said = devices("forget", "d", "--archive", f"{tmp_path}/a", "--redis-url", "redis://127.0.0.1:1/0")
    assert said.status == 1
    assert "archive: 0 readings" in said.out
    assert "Redis: was NOT reached" in said.err


def test_a_database_that_is_away_is_an_error_of_its_own(tmp_path):
    with pytest.raises(RegistryError, match="cannot be used"):
        Registry("postgresql+psycopg://u:p@127.0.0.1:1/d")

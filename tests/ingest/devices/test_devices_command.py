"""`har devices`, called as a command."""

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
    """A function that calls `har devices` in this process, in a folder without a store."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments, registry=None):
        options = ["--registry", registry or f"sqlite:///{tmp_path}/devices.sqlite3"]
        return CommandLine(monkeypatch, capsys).call("devices", arguments[0], *options, *arguments[1:])

    return call


def test_enrol_prints_an_address_a_code_and_a_qr_code(tmp_path):
    command = [sys.executable, "-m", "deploy", "devices", "enrol", "annas-phone"]
    command += ["--registry", f"sqlite:///{tmp_path}/devices.sqlite3", "--url", "https://10.0.0.5:8600"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0
    code = re.search(r"type the code: +([A-Z2-9-]{14})\n", result.stdout)[1]
    assert f"https://10.0.0.5:8600/phone/#enrol={code}\n" in result.stdout
    assert "█" in result.stdout
    with Registry(f"sqlite:///{tmp_path}/devices.sqlite3") as registry:
        device, secret = registry.enrol(code)
        assert device.name == "annas-phone"
        assert registry.recognise("annas-phone", secret) == device


def test_a_device_is_listed_revoked_and_enrolled_again(devices, tmp_path):
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
    ("arguments", "status", "message"),
    [
        (("revoke", "nobody"), 1, "there is no device named nobody"),
        (("enrol", "a b"), 2, "is not 1 to 64 letters"),
        (("enrol", "x", "--frame", "windows"), 2, "frame"),
    ],
)
def test_an_invalid_subcommand_fails_with_an_explanation(devices, arguments, status, message):
    result = devices(*arguments)
    assert (result.status, message in result.err) == (status, True)


def test_an_unusable_registry_is_reported(devices, tmp_path):
    (tmp_path / "devices.sqlite3").write_bytes(b"this is no database" * 100)
    result = devices("list")
    assert result.status == 1
    assert result.err.startswith("har devices: cannot use the device registry")
    for url in ("nonsense", "mysql://h/d"):
        assert "cannot open the device registry" in devices("list", registry=url).err


def test_two_registries_of_the_same_file_sign_with_the_same_key(tmp_path):
    url = f"sqlite:///{tmp_path}/devices.sqlite3"
    with Registry(url) as one, Registry(url) as other:
        assert one.signing_key() == other.signing_key()
        with pytest.raises(NotAdmittedError):
            other.enrol("never")


def test_the_registry_holds_no_code_or_secret_in_clear(tmp_path):
    url = f"sqlite:///{tmp_path}/devices.sqlite3"
    with Registry(url) as registry:
        code = registry.invite("d", wearer=None, frame="unknown", seconds=60)
        _, secret = registry.enrol(registry.invite("e", wearer=None, frame="unknown", seconds=60))
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert code.replace("-", "").encode() not in stored
    assert secret.encode() not in stored
    assert oct((tmp_path / "devices.sqlite3").stat().st_mode)[-3:] == "600"


def test_a_device_is_erased_from_registry_archive_and_redis(devices, tmp_path, redis_url):
    with Redis.from_url(redis_url) as redis:
        redis.set(device_key("annas-phone"), b"walking")
        devices("token", "annas-phone", "--wearer", "anna")
        forgetting = ("forget", "annas-phone", "--archive", f"{tmp_path}/archive", "--redis-url", redis_url)
        result = devices(*forgetting)
        assert result.status == 0, result.err
        erased = r"registry: erased.*\narchive: 0 readings.*\nRedis: erased\nstore: .*\nKafka: .* 7 days"
        assert re.match(erased, result.out)
        assert redis.get(device_key("annas-phone")) is None
    with Registry(f"sqlite:///{tmp_path}/devices.sqlite3") as registry:
        (left,) = registry.devices()
        assert (left.wearer, left.enrolled_at, left.generation) == (None, None, 1)


def test_an_unreachable_redis_is_reported_and_the_archive_is_erased(devices, tmp_path):
    result = devices("forget", "d", "--archive", f"{tmp_path}/a", "--redis-url", "redis://127.0.0.1:1/0")
    assert result.status == 1
    assert "archive: 0 readings" in result.out
    assert "Redis: was NOT erased" in result.err


def test_an_unreachable_database_raises_a_registry_error(tmp_path):
    with pytest.raises(RegistryError, match="cannot use the device registry"):
        Registry("postgresql+psycopg://u:p@127.0.0.1:1/d")

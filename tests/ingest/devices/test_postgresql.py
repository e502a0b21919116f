"""The registry in PostgreSQL, shared by several gateways."""

import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.ports import free_port
from ingest.devices.errors import NotAdmittedError
from ingest.devices.registry import Registry


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory):
    """A PostgreSQL server; yields the URL of its registry."""
    known = shutil.which("initdb")
    found = [Path(known)] if known else sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
    programs, folder, port = found[-1].parent, tmp_path_factory.mktemp("postgresql"), free_port()
    # PostgreSQL does not run as root.
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_user:
        temporary = Path(tempfile.gettempdir())
        for path in (folder, *folder.parents):
            if not path.is_relative_to(temporary) or path == temporary:
                break
            path.chmod(0o755)
        shutil.chown(folder, "postgres")
    subprocess.run(
        [*as_user, f"{programs}/initdb", "-D", f"{folder}/data", "-U", "har", "-A", "trust"],
        check=True,
        capture_output=True,
    )
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
    control = [*as_user, f"{programs}/pg_ctl", "-D", f"{folder}/data", "-l", f"{folder}/log", "-w"]
    subprocess.run([*control, "-o", options, "start"], check=True, stdout=subprocess.DEVNULL)
    yield f"postgresql+psycopg://har@127.0.0.1:{port}/postgres"
    subprocess.run([*control, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL)


def test_two_gateways_share_devices_keys_and_revocations(postgresql):
    with Registry(postgresql) as one, Registry(postgresql) as other:
        assert one.signing_key() == other.signing_key()
        code = one.invite("annas-phone", wearer="anna", frame="ios", seconds=60)
        device, secret = other.enrol(code)
        assert (device.name, device.wearer, device.frame) == ("annas-phone", "anna", "ios")
        assert one.recognise("annas-phone", secret) == device
        one.revoke("annas-phone")
        assert other.generations() == {"annas-phone": 1}
        with pytest.raises(NotAdmittedError, match="revoked"):
            other.recognise("annas-phone", secret)
        assert one.forget("annas-phone")


def test_one_of_many_concurrent_requests_redeems_a_code(postgresql):
    with Registry(postgresql) as registry:
        code = registry.invite("once", wearer=None, frame="unknown", seconds=60)

        def enrol(_: int) -> bool:
            try:
                registry.enrol(code)
            except NotAdmittedError:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(enrol, range(16))) == 1

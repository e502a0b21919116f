"""A real nginx in front of services, for tests."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.waiting import wait_for

_NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
needs_nginx = pytest.mark.skipif(_NGINX is None, reason="needs nginx (Debian: apt install nginx-light)")

#: The parts around the configuration of a site. Everything is in one folder, and nothing is written elsewhere.
_MAIN = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log warn; {user}
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


@contextmanager
def nginx(folder: Path, site: str, port: int) -> Iterator[None]:
    """Run nginx with the configuration of sites, one of which listens on `port`."""
    assert _NGINX is not None
    folder.mkdir()
    (folder / "site.conf").write_text(site)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_MAIN.format(folder=folder, user=user))
    command = [_NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    with subprocess.Popen(command) as process:
        try:
            wait_for(lambda: process.poll() is not None or _accepts_connections(port), "nginx")
            assert process.poll() is None, (folder / "error.log").read_text()
            yield
        finally:
            process.terminate()


def on_plain_port(site: str, port: int) -> str:
    """Return a configuration that listens on a port of loopback, without TLS."""
    lines = [line for line in site.splitlines() if "ssl_certificate" not in line and "[::]:443" not in line]
    return "\n".join(lines).replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")


def _accepts_connections(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

"""Gateway and dashboard behind a real nginx, in a browser: with paths, with a rewritten Host, without WebSockets."""

import json
import re
import shutil
import ssl
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from websockets.sync.client import connect

from deploy.addresses import choose_addresses
from deploy.local_store import LocalStore
from deploy.ports import free_port
from deploy.processes import ProcessGroup
from deploy.stack import Stack
from ingest.devices.registry import Registry
from tests.ingest.phone_page.phone_in_browser import GatewayAddress, PhoneInBrowser
from tests.live_page import cards, connection, console_faults, wait_for
from tests.nginx import needs_nginx, nginx, on_plain_port
from tests.system.conftest import System
from tests.waiting import wait_for as wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.browser, pytest.mark.slow, needs_nginx]

PROXY_FOLDER = Path(__file__).parents[2] / "deploy" / "proxy"
OPERATOR = "an operator's token"
DEVICE = "annas-phone"
#: nginx with its defaults, which set Host to the service's address.
REWRITTEN = """
server {{
    listen 127.0.0.1:{port};
    proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $har_connection;
    location / {{ proxy_pass http://127.0.0.1:{dashboard}; }}
}}
"""
NO_UPGRADE = """
server {{
    listen 127.0.0.1:{port};
    proxy_set_header Host $http_host;
    location /phone/ {{ proxy_pass http://127.0.0.1:{gateway}; }}
    location /v1/ {{ proxy_pass http://127.0.0.1:{gateway}; }}
    location / {{ proxy_pass http://127.0.0.1:{dashboard}; }}
}}
"""


def shipped(name, addresses):
    """Return a shipped configuration, leading to these services instead of those at the documented ports."""
    text = (PROXY_FOLDER / name).read_text()
    return text.replace(":8600", f":{addresses.gateway}").replace(":8700", f":{addresses.dashboard}")


@dataclass
class Proxied:
    """The system behind nginx: at paths, as one host that nginx hides, and without upgrades to WebSockets."""

    system: System
    registry: Registry
    paths: int
    rewritten: int
    no_upgrade: int

    def logged(self, service: str) -> list[str]:
        return list(self.system.stack.programs[service].last_lines)


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    folder = tmp_path_factory.mktemp("proxied")
    registry_url = f"sqlite:///{folder}/devices.sqlite3"
    system = System(folder)
    addresses, paths = choose_addresses(), free_port()
    environment = {
        "HAR_GATEWAY_TOKEN": OPERATOR,
        "HAR_GATEWAY_BEHIND_PROXY": "true",
        "HAR_GATEWAY_PUBLIC_URL": f"http://localhost:{paths}/phones",
        "HAR_DASHBOARD_GATEWAY_TOKEN": OPERATOR,
        "HAR_DASHBOARD_BEHIND_PROXY": "true",
        "HAR_DASHBOARD_PUBLIC_URL": f"http://localhost:{paths}/live",
    }
    system.stack = Stack(
        addresses,
        folder,
        ProcessGroup(environment=environment),
        store=LocalStore(folder / "releases"),
        gateway_options=("--registry", registry_url),
    )
    ports = {"gateway": addresses.gateway, "dashboard": addresses.dashboard}
    rewritten, no_upgrade = free_port(), free_port()
    sites = [
        on_plain_port(shipped("nginx.conf", addresses), paths),
        REWRITTEN.format(port=rewritten, **ports),
        NO_UPGRADE.format(port=no_upgrade, **ports),
    ]
    try:
        system.run(system.stack.start())
        with Registry(registry_url) as registry, nginx(folder / "nginx", "\n".join(sites), paths):
            yield Proxied(system, registry, paths, rewritten, no_upgrade)
    finally:
        system.close()


def invited(proxied, name):
    """Invite a phone as the dashboard's page does; return the address for the phone."""
    origin = f"http://localhost:{proxied.paths}"
    headers = {"Origin": origin, "Content-Type": "application/json"}
    with urlopen(Request(f"{origin}/live/v1/devices", json.dumps({"name": name}).encode(), headers)) as answer:
        return json.loads(answer.read())["url"]


def test_pages_stream_predictions_and_releases_work_at_paths_behind_nginx(proxied, browser):
    address, fragment = invited(proxied, DEVICE).split("#")
    assert address == f"http://localhost:{proxied.paths}/phones/phone/"
    phone = PhoneInBrowser(browser, GatewayAddress(address))
    phone.open(fragment=f"#{fragment}")
    phone.wait(lambda: phone.state()["device"] == DEVICE)
    scope = "const worker = await navigator.serviceWorker.ready; return worker.scope"
    assert phone.asynchronously(scope) == address
    phone.click("classifies")  # loads the release, with the cookie
    phone.start()
    phone.shake(8)
    phone.wait(lambda: phone.state()["compared"] >= 1)
    phone.click("start")  # stops the recording
    phone.wait_until_all_is_sent()
    assert [fault for fault in phone.console_faults() if "2.root.json" not in fault] == []

    browser.get(f"http://localhost:{proxied.paths}/live/")
    wait_for(browser, lambda _: connection(browser) == "open" and DEVICE in cards(browser))
    browser.get(f"http://localhost:{proxied.paths}/live/docs")
    wait_for(browser, lambda _: browser.execute_script("return document.querySelector('.opblock') !== null"))
    assert console_faults(browser) == []


@pytest.mark.parametrize("path", ["/phones", "/phones/", "/phones/phone", "/live"])
def test_addresses_without_a_page_lead_to_one_below_the_path(proxied, path):
    with urlopen(f"http://localhost:{proxied.paths}{path}") as answer:
        assert answer.url == f"http://localhost:{proxied.paths}{'/live/' if 'live' in path else '/phones/phone/'}"


def test_the_shipped_configuration_serves_both_by_tls(proxied, certificate, tmp_path):
    port = free_port()
    site = shipped("nginx.conf", proxied.system.stack.addresses)
    site = site.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl").replace("listen [::]:443 ssl;", "")
    site = site.replace("/etc/ssl/har/certificate.pem", str(certificate[0]))
    site = site.replace("/etc/ssl/har/key.pem", str(certificate[1]))
    trust = ssl.create_default_context(cafile=certificate[0])
    with nginx(tmp_path / "nginx", site, port):
        for path in ("phones/phone/", "phones/healthz", "live/", "live/healthz"):
            with urlopen(f"https://localhost:{port}/{path}", context=trust) as answer:
                assert answer.status == 200
        document = b'{"payload": [' + b'{"name": "light", "values": {}},' * 60_000 + b"]}"
        push = Request(f"https://localhost:{port}/phones/v1/sensor-logger", document[:1_900_000])
        push.add_header("Authorization", f"Bearer {OPERATOR}")
        with pytest.raises(HTTPError, match="499"):  # the gateway's answer, not nginx's for a too large body
            urlopen(push, context=trust)


def status(browser):
    return browser.execute_script("return document.getElementById('connection').innerText")


def test_a_rewritten_host_is_named_on_the_page_and_in_the_log(proxied, browser):
    browser.get(f"http://localhost:{proxied.rewritten}/")
    wait_for(browser, lambda _: "--public-url" in status(browser))
    assert "retry" not in status(browser)
    lines = wait_until(
        lambda: [line for line in proxied.logged("dashboard") if "--public-url" in line], "the line in the log"
    )
    assert len(lines) == 1
    assert re.search(rf"page at http://localhost:{proxied.rewritten}, .* as 127\.0\.0\.1:\d+\.", lines[0])


def test_a_rewritten_host_is_named_on_the_page_of_a_gateway_without_credentials(proxied, browser, tmp_path):
    port, front = free_port(), free_port()
    addresses = proxied.system.stack.addresses
    site = shipped("nginx.conf", addresses).partition("server {")[0] + REWRITTEN.format(port=front, dashboard=port)
    bootstrap = addresses.kafka.bootstrap
    command = [sys.executable, "-m", "deploy", "gateway", "--bootstrap", bootstrap, "--port", str(port)]
    with nginx(tmp_path / "nginx", site, front), subprocess.Popen(command, stderr=subprocess.DEVNULL) as gateway:
        try:
            wait_until(lambda: status_of(f"http://localhost:{front}/healthz") == 200, "the gateway", 60)
            phone = PhoneInBrowser(browser, GatewayAddress(f"http://localhost:{front}/phone/"))
            phone.open()
            phone.wait_for_text("notices", "--public-url")
            browser.get("about:blank")
        finally:
            gateway.terminate()


#: No Debian package has Traefik, so CI does without it.
PROXIES = ["caddy", *(["traefik"] if shutil.which("traefik") else [])]
CADDY = """
{{
	admin off
	auto_https off
	skip_install_trust
}}
{site}
"""
TRAEFIK = """
entryPoints: {{websecure: {{address: "127.0.0.1:{port}"}}}}
providers: {{file: {{filename: {folder}/site.yml}}}}
global: {{checkNewVersion: false, sendAnonymousUsage: false}}
"""


def behind(proxied, name, port):
    """Return a shipped configuration for a port of loopback without TLS."""
    text = shipped(name, proxied.system.stack.addresses)
    text = text.replace("\nhar.example.org {", f"\nhttp://localhost:{port} {{").replace("har.example.org", "localhost")
    return text.replace("      tls: {}\n", "").partition("\ntls:\n")[0]


def proxy_command(program, proxied, folder, port):
    """Write a proxy's configuration; return its command line."""
    if program == "caddy":
        (folder / "Caddyfile").write_text(CADDY.format(site=behind(proxied, "Caddyfile", port)))
        return [program, "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
    (folder / "site.yml").write_text(behind(proxied, "traefik.yml", port))
    (folder / "traefik.yml").write_text(TRAEFIK.format(port=port, folder=folder))
    return [program, f"--configFile={folder / 'traefik.yml'}"]


@pytest.mark.parametrize("program", PROXIES)
def test_the_configurations_of_other_proxies_serve_both_services_at_paths(proxied, program, tmp_path, monkeypatch):
    if shutil.which(program) is None:
        pytest.skip(f"needs {program} (Debian: apt install {program})")
    for home in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(home, str(tmp_path))
    port = free_port()
    command = proxy_command(program, proxied, tmp_path, port)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as proxy:
        try:
            origin = f"localhost:{port}"
            wait_until(lambda: status_of(f"http://{origin}/phones/healthz") == 200, program)
            assert status_of(f"http://{origin}/phones/phone/") == 200
            assert status_of(f"http://{origin}/live/") == 200
            with connect(f"ws://{origin}/live/live", origin=f"http://{origin}") as live:
                assert "status" in json.loads(live.recv(20))
            headers = {"Authorization": f"Bearer {OPERATOR}"}
            with connect(f"ws://{origin}/phones/v1/samples", additional_headers=headers) as phone:
                phone.send('{"type": "clock", "sent": 5}')
                assert json.loads(phone.recv(20))["type"] == "clock"
        finally:
            proxy.terminate()


def status_of(url):
    try:
        with urlopen(url, timeout=5) as answer:
            return answer.status
    except OSError as error:
        return getattr(error, "code", None)


def test_a_proxy_without_websockets_is_named_on_both_pages_and_in_the_logs(proxied, browser):
    browser.get(f"http://localhost:{proxied.no_upgrade}/")
    wait_for(browser, lambda _: "no WebSockets" in status(browser))
    phone = PhoneInBrowser(browser, GatewayAddress(f"http://localhost:{proxied.no_upgrade}/phone/"))
    code = proxied.registry.invite("bens-phone", wearer=None, frame="unknown", seconds=600)
    phone.open(fragment=f"#enrol={code}")
    phone.wait_for_text("notices", "no WebSockets")
    assert "No gateway" not in phone.text("connection-text")  # it answers
    for service in ("dashboard", "gateway"):
        assert len([line for line in proxied.logged(service) if "without the header Upgrade" in line]) == 1

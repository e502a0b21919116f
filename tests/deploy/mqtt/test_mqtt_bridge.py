"""The app's documents over MQTT: a real mosquitto with logins and TLS, and Node-RED as the bridge to the gateway."""

import asyncio
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from deploy.ports import free_port
from har import topics
from har.binary_samples import decode_batch
from ingest.devices import tokens
from ingest.devices.registry import Registry
from tests.brokers import on_one_broker
from tests.ingest.gateway.running_gateway import gateway_on
from tests.ingest.gateway.test_sensor_logger_route import pushed
from tests.ingest.phone_page.page_modules import node_program
from tests.waiting import until, wait_for

SHIPPED = Path(__file__).parents[3] / "deploy" / "mqtt"
NODE_RED = SHIPPED / "node_modules" / "node-red" / "red.js"
LOGINS = {"bridge": "the bridge's password", "annas-phone": "anna's password", "bens-phone": "ben's password"}
MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        MOSQUITTO is None or shutil.which("mosquitto_pub") is None,
        reason="needs mosquitto (Debian: apt install mosquitto mosquitto-clients)",
    ),
    pytest.mark.skipif(
        not NODE_RED.exists(),
        reason="needs Node-RED: npm ci --omit=dev --ignore-scripts in deploy/mqtt",
    ),
]


class Ports(NamedTuple):
    """The ports of mosquitto: of MQTT over TLS, and of MQTT over WebSockets and TLS."""

    tcp: int
    websockets: int


@contextmanager
def running(command, log, environment=None, folder=None) -> Iterator[subprocess.Popen[bytes]]:
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=output, env=environment, cwd=folder) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()


@pytest.fixture
def mosquitto(tmp_path, certificate):
    """A mosquitto with the shipped configuration on a free port, in a folder of its own."""
    folder, port = tmp_path / "mosquitto", free_port()
    websocket_port = free_port(port + 1)
    folder.mkdir()
    for name, password in LOGINS.items():
        make = ["-c"] if not (folder / "passwords").exists() else []
        subprocess.run(["mosquitto_passwd", "-b", *make, str(folder / "passwords"), name, password], check=True)
    shutil.copy(certificate[0], folder / "certificate.pem")
    shutil.copy(certificate[1], folder / "key.pem")
    shutil.copy(SHIPPED / "acl", folder)
    text = (SHIPPED / "mosquitto.conf").read_text()
    for name in ("passwords", "acl", "certificate.pem", "key.pem"):
        text = text.replace(f"_file {name}\n", f"_file {folder / name}\n").replace(
            f"file {name}\n", f"file {folder / name}\n"
        )
    text = text.replace("listener 8883", f"listener {port} 127.0.0.1")
    text = text.replace("listener 8884", f"listener {websocket_port} 127.0.0.1")
    user = "user root\n" if os.geteuid() == 0 else ""
    (folder / "mosquitto.conf").write_text(user + text)
    with running([MOSQUITTO, "-c", str(folder / "mosquitto.conf")], folder / "log"):
        wait_for(lambda: "running" in (folder / "log").read_text(), (folder / "log").read_text)
        yield Ports(port, websocket_port)


@contextmanager
def bridge(folder, mosquitto, certificate, gateway, device_tokens):
    """Run Node-RED with the shipped flow; yield a function that returns its log."""
    (folder / "tokens.json").write_text(json.dumps(device_tokens))
    environment = os.environ | {
        "HAR_MQTT_HOST": "localhost",
        "HAR_MQTT_PORT": str(mosquitto.tcp),
        "HAR_MQTT_CA": str(certificate[0]),
        "HAR_MQTT_PASSWORD": LOGINS["bridge"],
        "HAR_MQTT_GATEWAY": f"http://{gateway}/v1/sensor-logger",
        "HAR_MQTT_TOKENS": str(folder / "tokens.json"),
    }
    (folder / "node-red").mkdir()
    for name in ("flows.json", "flows_cred.json", "package.json"):
        shutil.copy(SHIPPED / name, folder / "node-red")
    log = folder / "node-red.log"
    command = [node_program(), str(NODE_RED), "--settings", str(SHIPPED / "settings.cjs")]
    with running(command, log, environment, folder / "node-red") as process:
        wait_for(lambda: process.poll() is not None or "Connected to broker" in log.read_text(), log.read_text, 60)
        assert process.poll() is None, log.read_text()
        yield log.read_text


def publish(port, certificate, login, password, topic, document):
    """Publish as the app does, at most once; return what mosquitto_pub says."""
    command = ["mosquitto_pub", "-h", "localhost", "-p", str(port), "--cafile", str(certificate[0]), "-s", "-q", "0"]
    command += ["-u", login, "-P", password, "-t", topic]
    done = subprocess.run(command, input=document, capture_output=True, check=False, timeout=30)
    return done.stdout.decode() + done.stderr.decode()


def publish_by_websocket(port, certificate, login, password, topic, document):
    """Publish over WebSockets and TLS, as the app can."""
    script = """
        const [url, ca, username, password, topic] = process.argv.slice(1);
        const options = { ca: require('fs').readFileSync(ca), username, password };
        const client = require('mqtt').connect(url, options);
        client.on('error', (error) => { throw error; });
        client.on('connect', () => client.publish(topic, require('fs').readFileSync(0), {}, () => client.end()));
    """
    command = [node_program(), "-e", script, f"wss://localhost:{port}", str(certificate[0]), login, password, topic]
    subprocess.run(command, input=document, cwd=SHIPPED, check=True, timeout=30)


@on_one_broker
async def test_documents_over_mqtt_reach_kafka_with_the_phones_token(broker, mosquitto, certificate, tmp_path):
    url = f"sqlite:///{tmp_path}/devices.sqlite3"
    session = pushed("ios", seconds=5)
    port = free_port()
    with Registry(url) as registry:
        device = registry.admit("annas-phone", wearer="anna", frame="ios")
        token, _ = tokens.issue(registry.signing_key(), device, 600)
        anna = ("annas-phone", LOGINS["annas-phone"])
        with bridge(tmp_path, mosquitto, certificate, f"127.0.0.1:{port}", {"annas-phone": token}) as log:
            # The gateway is away at first: the bridge keeps the documents.
            for document in session.documents[:3]:
                assert publish(mosquitto.tcp, certificate, *anna, "sensor-logger/annas-phone", document) == ""
            await until(lambda: "trying again" in log(), log)
            async with gateway_on(broker, registry=url, port=port):
                publish(mosquitto.tcp, certificate, *anna, "sensor-logger/annas-phone", session.documents[3])
                publish_by_websocket(
                    mosquitto.websockets, certificate, *anna, "sensor-logger/annas-phone", session.documents[4]
                )
                # Neither a wrong login nor another phone's topic, nor a phone without a token.
                publish(mosquitto.tcp, certificate, "annas-phone", "wrong", "sensor-logger/annas-phone", b"{}")
                ben = ("bens-phone", LOGINS["bens-phone"])
                publish(mosquitto.tcp, certificate, *ben, "sensor-logger/annas-phone", pushed("ios").documents[4])
                publish(mosquitto.tcp, certificate, *ben, "sensor-logger/bens-phone", b"{}")
                publish(mosquitto.tcp, certificate, *anna, "sensor-logger/annas-phone", b"nonsense")
                records = await asyncio.to_thread(broker.read, topics.SAMPLES.name, 5)
                await until(lambda: "bens-phone: it has no token" in log() and "malformed" in log(), log)
    batches = [decode_batch(record.value) for record in records]  # in the order of the log
    assert [(batch.device, batch.sequence) for batch in batches] == [("annas-phone", 64 * n) for n in range(5)]
    assert b"".join(batch.axes.tobytes() for batch in batches) == session.axes.tobytes()
    assert token not in log()


def test_a_login_is_needed_and_a_stranger_learns_nothing(mosquitto, certificate):
    assert "not authori" in publish(
        mosquitto.tcp, certificate, "annas-phone", "wrong", "sensor-logger/annas-phone", b"{}"
    )
    listening = ["mosquitto_sub", "-h", "localhost", "-p", str(mosquitto.tcp), "--cafile", str(certificate[0])]
    listening += ["-u", "bens-phone", "-P", LOGINS["bens-phone"], "-t", "sensor-logger/#", "-W", "2"]
    begun = time.monotonic()
    with subprocess.Popen(listening, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as stranger:
        while stranger.poll() is None:
            publish(
                mosquitto.tcp, certificate, "annas-phone", LOGINS["annas-phone"], "sensor-logger/annas-phone", b"{}"
            )
        assert stranger.stdout.read() == b""
    assert time.monotonic() - begun < 30

"""The files that the gateway serves to browsers: the phone page, its libraries and the store's files."""

import asyncio
import ipaddress
import json
import re
import urllib.error
import urllib.request

import pytest

from deploy.local_authority import certificate_for, fingerprint_of
from har.personal_index import device_id
from ingest.devices.registry import Registry
from tests.brokers import on_one_broker
from tests.http_server import answering
from tests.ingest.gateway.running_gateway import call, gateway_on


async def get(address, path, **headers):
    """Return status, headers and body; do not follow redirects."""

    class NoRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    def ask():
        opener = urllib.request.build_opener(NoRedirect)
        try:
            with opener.open(urllib.request.Request(f"http://{address}{path}", headers=headers)) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    return await asyncio.to_thread(ask)


@on_one_broker
async def test_the_page_and_its_libraries_are_served_with_a_policy_and_an_etag(broker):
    async with gateway_on(broker) as address:
        for path, kind in (
            ("/phone/", "text/html"),
            ("/phone/main.js", "text/javascript"),
            ("/phone/style.css", "text/css"),
            ("/phone/views/views.css", "text/css"),
            ("/phone/shared/base.css", "text/css"),
            ("/phone/manifest.webmanifest", "application/manifest+json"),
            ("/phone/vendor/uplot/uPlot.esm.js", "text/javascript"),
            ("/phone/vendor/onnxruntime/ort-wasm-simd-threaded.wasm", "application/wasm"),
        ):
            status, headers, body = await get(address, path)
            assert (status, headers.get_content_type()) == (200, kind), path
            assert len(body) > 100
            policy = headers["Content-Security-Policy"]
            assert "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'" in policy
            assert "unsafe-inline" not in policy
            assert headers["X-Content-Type-Options"] == "nosniff"
            for known in (headers["ETag"], f'"another", W/{headers["ETag"]}', "*"):
                status, _, body = await get(address, path, **{"If-None-Match": known})
                assert (status, body) == (304, b"")
        for path in ("/", "/phone"):
            status, headers, _ = await get(address, path)
            assert (status, headers["Location"]) == (307, "phone/")


@on_one_broker
@pytest.mark.parametrize(
    "path",
    [
        "/phone/../gateway/server.py",
        "/phone/%2e%2e/gateway/server.py",
        "/phone/package.json",
        "/phone/libraries.d.ts",
        "/phone/node_modules/idb/package.json",
        "/phone/vendor/onnxruntime/ort.all.min.js",
        "/phone/store/metadata/timestamp.json",
        "/trust",
    ],
)
async def test_other_files_are_not_served(broker, path):
    async with gateway_on(broker) as address:
        assert (await get(address, path))[0] == 404


@on_one_broker
async def test_the_trust_page_has_the_fingerprint_and_uses_the_styles_of_the_phone_page(broker, tmp_path):
    authority = certificate_for(ipaddress.ip_address("127.0.0.1"), tmp_path).authority
    async with gateway_on(broker, local_authority=authority) as address:
        status, headers, body = await get(address, "/trust")
        assert (status, headers.get_content_type()) == (200, "text/html")
        page = body.decode()
        assert fingerprint_of(authority) in page
        styles = ""
        for path in re.findall(r'(?:rel="stylesheet" href|src)="([^"]+)"', page):
            status, _, body = await get(address, path.removeprefix("."))
            assert status == 200, path
            styles += body.decode()
        classes = {name for names in re.findall(r'class="([^"]+)"', page) for name in names.split()}
        assert classes <= {*re.findall(r"\.([a-z-]+)", styles)}


@on_one_broker
async def test_the_page_gets_the_configuration_of_the_gateway(broker, tmp_path):
    async with gateway_on(broker) as address:
        configuration = json.loads((await get(address, "/phone/configuration.json"))[2])
        assert (configuration["enrolment"], configuration["store"]) == ("open", False)
        assert [entry["name"] for entry in configuration["activities"]] == [
            "sit", "stand", "walk", "stairsup", "stairsdown", "bike", "run", "jog", "lie"
        ]  # fmt: skip
    async with gateway_on(
        broker, registry=f"sqlite:///{tmp_path}/d.sqlite3", store_url="http://127.0.0.1:9"
    ) as address:
        configuration = json.loads((await get(address, "/phone/configuration.json"))[2])
        assert (configuration["enrolment"], configuration["store"]) == ("required", True)


@on_one_broker
async def test_the_stores_files_are_forwarded_to_devices_only(broker, tmp_path):
    store = tmp_path / "store"
    (store / "metadata").mkdir(parents=True)
    (store / "metadata" / "timestamp.json").write_bytes(b"signed")
    (store / "secret.json").write_bytes(b"secret")
    heads = {name: f"targets/channels/{'0' * 64}.personal-{device_id(name)}-3.json" for name in ("mine", "another")}
    (store / "targets" / "channels").mkdir(parents=True)
    for name, path in heads.items():
        (store / path).write_bytes(name.encode())
    (tmp_path / "root.json").write_bytes(b"root")
    url = f"sqlite:///{tmp_path}/devices.sqlite3"

    def answer(request):
        file = store / request.path.lstrip("/").lower()  # as on a disk that ignores case
        request.send_response(200 if file.is_file() else 404)
        request.end_headers()
        if file.is_file():
            request.wfile.write(file.read_bytes())

    with Registry(url) as registry, answering(answer) as store_url:
        code = registry.invite("mine", wearer=None, frame="unknown", seconds=60)
        settings = {"registry": url, "store_url": store_url, "trusted_root": tmp_path / "root.json"}
        async with gateway_on(broker, **settings) as address:
            for path in ("metadata/timestamp.json", "trusted_root.json"):
                assert (await get(address, f"/phone/store/{path}"))[0] == 401
            _, device = await call(address, "/v1/devices/enrol", {"code": code})
            cookie = {"Cookie": f"har_device={device['token']}"}
            assert (await get(address, "/phone/store/metadata/timestamp.json", **cookie))[2] == b"signed"
            assert (await get(address, "/phone/store/trusted_root.json", **cookie))[2] == b"root"
            assert (await get(address, f"/phone/store/{heads['mine']}", **cookie))[2] == b"mine"
            for path in (heads["another"], heads["another"].replace("personal", "Personal")):
                assert (await get(address, f"/phone/store/{path}", **cookie))[0] == 404
            for path in ("secret.json", "metadata/../secret.json", "metadata/none.json", "metadata/"):
                assert (await get(address, f"/phone/store/{path}", **cookie))[0] == 404


@on_one_broker
async def test_an_unreachable_store_is_reported(broker, tmp_path):
    async with gateway_on(broker, store_url="http://127.0.0.1:9", trusted_root=tmp_path / "none.json") as address:
        for path in ("metadata/timestamp.json", "trusted_root.json"):
            status, _, body = await get(address, f"/phone/store/{path}")
            assert (status, json.loads(body)["code"]) == (502, "store")

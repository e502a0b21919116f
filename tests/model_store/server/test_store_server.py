"""`har store serve`: files, contents, changes with credentials, and announcements."""

import asyncio
import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import urllib3
import uvicorn
from kafka import KafkaConsumer, TopicPartition
from pydantic import SecretStr

from deploy.ports import free_port
from har import topics
from har.channels import ReleaseAnnouncement, decode_announcement
from har.live import RELEASES_CHANNEL, RELEASES_KEY
from har.personal_index import PersonalAnnouncement, decode_news, device_id
from har.process.background import BackgroundTasks
from har.process.kafka_connection import KafkaConnection
from model_store.canary.judgement import CanaryLimits
from model_store.client.last_good import ClientFolder
from model_store.client.release_client import ReleaseClient
from model_store.layout import head_path, personal_index_path, target_name
from model_store.repository.contents import files_of
from model_store.repository.personal_heads import publish_head, remove_heads
from model_store.repository.signed_state import read_state
from model_store.server.access import StoreAccess
from model_store.server.announcing import Announcer
from model_store.server.app import StoreUpkeep, create_app
from model_store.server.canary_judge import CanaryJudge
from model_store.server.current_state import CurrentState
from model_store.server.redis_announcing import RedisAnnouncer
from model_store.server.uploads import Uploads
from tests.command_line import CommandLine
from tests.model_store.made_store import MadeStore, ago
from tests.model_store.personal_store import head_of, publish_to
from tests.redis_server import RedisServer
from tests.waiting import wait_for

PUBLISH = "publish-token-of-16"
READ = "reading-token-of-16"


class Server:
    """The store's API on loopback, in a thread."""

    def __init__(
        self,
        store: MadeStore,
        *,
        read: str | None = None,
        publish: str | None = PUBLISH,
        kafka: KafkaConnection | None = None,
        redis_url: str | None = None,
        signing=None,
        refresh_seconds: float = 60,
        limits: CanaryLimits | None = None,
        auto: bool = False,
    ) -> None:
        current = CurrentState(store.storage)
        signing = signing or store.signing
        announcer = Announcer(current, kafka, redis_url, look_seconds=0.1)
        judge = None
        if kafka is not None and limits is not None:
            judge = CanaryJudge(current, signing, announcer, kafka, limits, auto=auto)
        self.background = BackgroundTasks(on_failure=self._stop)
        app = create_app(
            current,
            signing,
            Uploads(store.folder / "uploads"),
            StoreAccess(SecretStr(read) if read else None, SecretStr(publish) if publish else None),
            announcer,
            StoreUpkeep(store.storage, signing, refresh_seconds),
            self.background,
            judge,
        )
        self._server = uvicorn.Server(uvicorn.Config(app, port=free_port(), log_config=None))
        self._thread = threading.Thread(target=self._server.run)
        self.pool = urllib3.PoolManager(retries=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.config.port}"

    def __enter__(self) -> "Server":
        self._thread.start()
        wait_for(self._is_started, "the server to start", 20, every=0.01)
        return self

    def _is_started(self) -> bool:
        assert self._thread.is_alive(), "the server has ended"
        return self._server.started

    def __exit__(self, *_: object) -> None:
        self.pool.clear()
        self._stop()
        self._thread.join()

    def _stop(self) -> None:
        self._server.should_exit = True

    def ask(self, method: str, path: str, *, body: object = None, token: str | None = None, **headers: str):
        """Send a request and return the response."""
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body)
        if isinstance(content, str):
            headers["Content-Type"] = "application/json"
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.pool.request(method, f"{self.url}{path}", body=content, headers=names)

    def get(self, path: str, **options: str):
        return self.ask("GET", path, **options)

    def upload(self, folder: Path, token: str = PUBLISH) -> dict[str, str]:
        """Upload a release's files; return their hashes by name, for publishing."""
        files = {}
        for path in folder.iterdir():
            content = path.read_bytes()
            files[path.name] = hashlib.sha256(content).hexdigest()
            assert self.ask("PUT", f"/uploads/{files[path.name]}", body=content, token=token).status == 201
        return files


@pytest.fixture
def server(store: MadeStore) -> Iterator[Server]:
    with Server(store) as running:
        yield running


def test_client_pulls_from_the_server(store, server, tmp_path):
    store.publish("one")
    client = ReleaseClient(server.url, store.root, ClientFolder(tmp_path / "client"), ("onnx",))
    assert client.pull()["stable"].release.manifest.release == "one"
    store.publish("two")  # by somebody else than the server
    assert client.pull()["stable"].release.manifest.release == "two"


def test_files_have_etags_and_ranges(store, server):
    store.publish("one")
    (file,) = [each for each in files_of(read_state(store.storage), "one") if each.name == "network.onnx"]
    path = "/" + target_name("releases/one/network.onnx", file.sha256)
    whole = server.get(path)
    assert (whole.status, whole.headers["ETag"]) == (200, f'"{file.sha256}"')
    assert hashlib.sha256(whole.data).hexdigest() == file.sha256
    assert "immutable" in whole.headers["Cache-Control"]
    part = server.get(path, Range="bytes=1000-1999")
    assert (part.status, part.data) == (206, whole.data[1000:2000])
    assert part.headers["Content-Range"] == f"bytes 1000-1999/{file.bytes}"
    assert server.get(path, Range="bytes=400000-").data == whole.data[400000:]
    assert server.get(path, Range="bytes=-10").data == whole.data[-10:]
    assert server.get(path, Range=f"bytes={file.bytes}-").status == 416
    assert server.get(path, Range="bytes=5-1,7-9").data == whole.data
    assert server.get(path, Range="bytes=5-9", If_Range='"other"').data == whole.data
    assert server.get(path, If_None_Match=f'"{file.sha256}"').status == 304
    head = server.ask("HEAD", path)
    assert (head.status, head.data, head.headers["Content-Length"]) == (200, b"", str(file.bytes))


def test_personal_heads_stay_in_no_cache(store, server):
    store.publish("one")
    publish_to(store, "phone-1")
    targets = read_state(store.storage).channels.signed.targets
    caching = {
        path: server.get("/" + target_name(path, target.hashes["sha256"])).headers["Cache-Control"]
        for path, target in targets.items()
    }
    personal = [path for path, stated in caching.items() if stated == "no-store"]
    assert sorted(personal) == [head_path(device_id("phone-1"), 1), personal_index_path()]


def test_only_the_timestamp_is_revalidated(store, server):
    answer = server.get("/metadata/timestamp.json")
    assert answer.headers["Cache-Control"] == "no-cache"
    assert server.get("/metadata/timestamp.json", If_None_Match=answer.headers["ETag"]).status == 304
    store.publish("one")
    assert server.get("/metadata/timestamp.json", If_None_Match=answer.headers["ETag"]).status == 200
    assert "immutable" in server.get("/metadata/1.root.json").headers["Cache-Control"]


@pytest.mark.parametrize(
    "path",
    [
        "/metadata/9.root.json",
        "/metadata/..%2F.lock",
        "/metadata/%2e%2e/.lock",
        "/targets/../../keys/online",
        "/targets/..%2F..%2Fkeys",
        "/targets/releases/one/network.onnx",
        "/targets/" + "0" * 64 + ".x",
        "/releases/none",
        "/releases/current",
        "/nothing",
    ],
)
def test_missing_file_is_404(server, path):
    assert server.get(path).status == 404


def test_contents_of_the_store_are_returned(store, server):
    assert json.loads(server.get("/releases").data) == []
    store.publish("one")
    store.publish("two", channel="canary", share=0.5)
    releases = json.loads(server.get("/releases").data)
    assert [(each["release"], each["channels"]) for each in releases] == [("one", ["stable"]), ("two", ["canary"])]
    assert json.loads(server.get("/releases/one").data)["manifest"]["release"] == "one"
    assert json.loads(server.get("/releases/current").data)["release"] == "one"
    assert json.loads(server.get("/releases/current?channel=canary").data)["release"] == "two"
    for_devices = {
        json.loads(server.get(f"/releases/current?device=phone-{number}").data)["release"] for number in range(20)
    }
    assert for_devices == {"one", "two"}
    assert len(json.loads(server.get("/channels/history").data)) == 2
    assert set(json.loads(server.get("/channels").data)) == {"stable", "canary"}


def test_documentation_is_served_without_external_resources(server):
    described = json.loads(server.get("/openapi.json").data)
    assert {"/releases", "/releases/current", "/metadata/{name}"} <= set(described["paths"])
    page = server.get("/docs").data.decode()
    assert "swagger" in page
    assert "https://" not in page


def test_release_is_published_promoted_and_rolled_back_over_http(store, server):
    for name in ("one", "two"):
        files = server.upload(store.release(name))
        answer = server.ask("POST", "/releases", body={"files": files, "reason": "over http"}, token=PUBLISH)
        assert (answer.status, json.loads(answer.data)["release"]) == (200, name)
    body = {"files": server.upload(store.release("three")), "channel": "canary", "share": 0.2}
    assert server.ask("POST", "/releases", body=body, token=PUBLISH).status == 200
    promoted = server.ask("POST", "/channels/canary/promote", body={"reason": "good"}, token=PUBLISH)
    assert json.loads(promoted.data)["release"] == "three"
    back = server.ask("POST", "/channels/stable/rollback", body={}, token=PUBLISH)
    assert json.loads(back.data)["release"] == "two"
    assert list((store.folder / "uploads").iterdir()) == []


@pytest.mark.parametrize("token", [None, "wrong", READ])
def test_changes_need_credentials(store, token):
    store.publish("one")
    with Server(store, read=READ) as server:
        for method, path, body in (
            ("PUT", "/uploads/" + "0" * 64, b""),
            ("POST", "/releases", {"files": {"a": "0" * 64}}),
            ("POST", "/channels/stable/rollback", {}),
        ):
            assert server.ask(method, path, body=body, token=token).status == 401
        assert server.get("/releases", token=READ).status == 200
        assert server.get("/releases", token=PUBLISH).status == 200
        assert server.get("/releases").status == 401
        assert server.get("/metadata/timestamp.json").status == 401
        assert server.get("/healthz").status == 200


def test_server_without_a_publish_token_rejects_changes(store):
    with Server(store, publish=None) as server:
        answer = server.ask("POST", "/channels/stable/rollback", body={}, token="")
        assert answer.status == 403
        assert "--publish-token" in json.loads(answer.data)["detail"]


def test_rejection_is_returned_with_its_reason(store, server):
    wrong = server.ask("PUT", "/uploads/" + "0" * 64, body=b"other", token=PUBLISH)
    assert (wrong.status, "the SHA-256 of the 5 uploaded bytes is not" in wrong.data.decode()) == (409, True)
    assert server.ask("PUT", "/uploads/..", body=b"", token=PUBLISH).status in (404, 405, 422)
    missing = server.ask("POST", "/releases", body={"files": {"manifest.json": "0" * 64}}, token=PUBLISH)
    assert (missing.status, "was not uploaded" in missing.data.decode()) == (409, True)
    files = server.upload(store.release("one"))
    slip = server.ask("POST", "/releases", body={"files": {"../x": files["manifest.json"]}}, token=PUBLISH)
    assert (slip.status, "plain file name" in slip.data.decode()) == (409, True)
    assert server.ask("POST", "/releases", body={"files": files, "share": 2}, token=PUBLISH).status == 422
    assert server.ask("POST", "/releases", body={"files": files, "replacing": "x"}, token=PUBLISH).status == 409
    assert server.ask("POST", "/channels/stable/rollback", body={}, token=PUBLISH).status == 409
    assert json.loads(server.get("/releases").data) == []


def test_large_upload_is_rejected_before_it_is_complete(store):
    async def endless():
        while True:
            yield bytes(1_000_000)

    uploads = Uploads(store.folder / "uploads")
    with pytest.raises(ValueError, match="the upload is too large"):
        asyncio.run(uploads.receive("0" * 64, endless()))
    assert list((store.folder / "uploads").iterdir()) == []


def test_signatures_are_renewed_before_they_expire(tmp_path):
    store = MadeStore.make(tmp_path, clock=ago(hours=23))
    before = read_state(store.storage).timestamp.signed
    with Server(store, signing=store.at(ago()), refresh_seconds=0.1) as server:
        wait_for(lambda: json.loads(server.get("/healthz").data)["timestamp"] != before.version, "a new timestamp", 20)
    assert read_state(store.storage).timestamp.signed.expires > before.expires


def announced(bootstrap: str, count: int) -> list[ReleaseAnnouncement | PersonalAnnouncement]:
    """Read the first announcements on the topic."""
    partition = TopicPartition(topics.RELEASES.name, 0)
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, consumer_timeout_ms=20_000)
    try:
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        found = []
        for record in consumer:
            news = decode_news(record.value)
            found.append(news)
            key = "personal" if isinstance(news, PersonalAnnouncement) else news.pointer.channel
            assert record.key.decode() == key
            if len(found) == count:
                break
        return found
    finally:
        consumer.close()


def test_changes_of_other_processes_are_announced(store, broker):
    store.publish("one")
    with Server(store, kafka=broker.kafka) as server:
        store.publish("two", channel="canary", share=0.1)
        files = server.upload(store.release("three"))
        assert server.ask("POST", "/releases", body={"files": files}, token=PUBLISH).status == 200
        found = announced(broker.bootstrap, 3)
    assert sorted((each.pointer.channel, each.pointer.release) for each in found) == [
        ("canary", "two"),
        ("stable", "one"),
        ("stable", "three"),
    ]
    assert all(each.effective - each.announced == 500_000 for each in found)


def test_changes_of_personal_heads_are_announced(store, broker):
    store.publish("one")
    first = publish_head(store.storage, store.signing, head_of("phone-1"), lead_seconds=60)
    with Server(store, kafka=broker.kafka):
        release, added = announced(broker.bootstrap, 2)
        assert release.pointer.release == "one"
        assert (added.index, added.effective) == (1, first.effective)
        second = publish_head(store.storage, store.signing, head_of("phone-2"), lead_seconds=90)
        found = announced(broker.bootstrap, 3)[-1]
        assert (found.index, found.effective) == (2, second.effective)
        remove_heads(store.storage, store.signing, "phone-2")
        removed = announced(broker.bootstrap, 4)[-1]
        assert (removed.index, removed.effective) == (3, removed.announced + 500_000)


def test_redis_holds_the_current_pointers_and_can_be_emptied(store, redis_url):
    store.publish("one")
    with redis.Redis.from_url(redis_url) as held, Server(store, redis_url=redis_url):
        held.flushdb()
        assert _pointer_in(held) == "one"
        heard = held.pubsub()
        heard.subscribe(RELEASES_CHANNEL)
        assert heard.get_message(timeout=5)["type"] == "subscribe"
        store.publish("two")
        message = heard.get_message(timeout=10)
        assert decode_announcement(message["data"]).pointer.release == "two"
        held.flushdb()
        assert _pointer_in(held) == "two"
        heard.close()


def test_a_redis_that_fails_delays_no_announcement_on_kafka(store, broker, tmp_path, caplog):
    store.publish("one")
    with RedisServer(free_port(), tmp_path) as server, redis.Redis.from_url(server.url) as held:
        held.config_set("maxmemory", 1)
        heard = held.pubsub(ignore_subscribe_messages=True)
        heard.subscribe(RELEASES_CHANNEL)
        heard.get_message(timeout=5)
        with Server(store, kafka=broker.kafka, redis_url=server.url) as serving:
            wait_for(lambda: "OOM" in caplog.text, "the error of Redis in the log", 20, every=0.02)
            assert serving.get("/healthz").json()["redis"] == "rejecting"
            store.publish("two", channel="canary", share=0.1)
            found = announced(broker.bootstrap, 2)
            # Both were announced a few checks (0.1 s) after they were published, and published once in Redis.
            assert found[1].announced - found[0].announced < 5_000_000
            releases = [decode_announcement(heard.get_message(timeout=5)["data"]).pointer.release for _ in range(2)]
            assert releases == ["one", "two"]
            assert heard.get_message(timeout=0.5) is None
            held.config_set("maxmemory", 0)
            assert _pointer_in(held) == "one"
        heard.close()


@pytest.mark.parametrize("part", [StoreUpkeep, RedisAnnouncer])
def test_a_server_ends_if_a_part_of_it_fails(store, part, redis_url, tmp_path, monkeypatch, capsys):
    async def fail(_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(part, "run", fail)
    monkeypatch.chdir(tmp_path)
    command = ["store", "serve", "--store", store.storage.url, "--port", str(free_port()), "--redis-url", redis_url]
    ran = CommandLine(monkeypatch, capsys).call(*command, "--online-keys", str(store.signing.keys.online))
    assert ran.status == 1
    assert ran.err.startswith("har store serve: cannot ")
    assert "a bug" in ran.err


def _pointer_in(held: redis.Redis) -> str:
    message = wait_for(lambda: held.hget(RELEASES_KEY, "stable"), "the pointer in Redis", 10, every=0.02)
    return decode_announcement(message).pointer.release

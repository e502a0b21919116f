"""The modules load in a browser under the gateway's policy, and give the same results as in Node, bit for bit."""

import json

import numpy as np
import pytest

from har.binary_samples import encode_batch
from har.channels import is_canary
from har.windowing import WindowSpec
from tests.ingest.phone_page.page_files import module_names
from tests.ingest.phone_page.page_modules import BrowserModules, NodeModules, RejectedByPage, modules_in_browser
from tests.ingest.phone_page.phone_of_store import phone_in_browser, phone_in_node
from tests.ingest.phone_page.releases.test_tuf_client import CANONICAL
from tests.ingest.phone_page.sending.test_sample_batch import batch_of, encoded_by
from tests.ingest.phone_page.sensing.test_motion import CHECK
from tests.ingest.phone_page.windowing.test_windows import SPECS, assert_same, cut_by, recording
from tests.model_store.made_store import MadeStore
from tests.model_store.served_store import with_a_flipped_byte

#: Scripts with side effects.
PROGRAMS = {"main.js", "service-worker.js"}


@pytest.fixture
def page(browser):
    with modules_in_browser(browser) as opened:
        yield opened


def test_every_module_loads_under_the_gateways_policy(page: BrowserModules) -> None:
    names = [name for name in module_names() if name not in PROGRAMS]
    body = "return Promise.all(args[0].map(async (name) => Object.keys(await import(`/phone/${name}`)).length))"
    assert all(page.run(body, names))
    assert page.faults() == []


def test_a_browser_computes_the_same_as_node(page: BrowserModules, modules: NodeModules) -> None:
    for number, spec in enumerate(SPECS):
        times, axes = recording(59.7, number, 0.3, 2, 0.1)
        assert_same(page, times, axes, spec, [700, 41, 333])
        assert cut_by(page, times, axes, spec, [500]) == cut_by(modules, times, axes, spec, [500])
    assert assert_same(page, *recording(60, 9, 0.3, 1, 0.1), WindowSpec(), [100]) >= 3
    taps = "return (await import('/phone/windowing/resampling.js')).lowPassTaps()"
    assert page.run(taps) == modules.run(taps)

    batch = batch_of(300, sequence=2**53 - 1)
    assert encoded_by(page, batch) == encoded_by(modules, batch) == encode_batch(batch)
    with pytest.raises(RejectedByPage) as rejected:
        encoded_by(page, batch_of(newest_sent=2**52))
    assert rejected.value.reason == "promise"

    document = json.dumps({"\uff5e": [1, -(2**53) + 1, None, True], "\U0001f600": {"b": "\u2028", "a": '"\\\n'}})
    assert page.run(CANONICAL, document) == modules.run(CANONICAL, document)
    share = "return (await import('/phone/releases/channels.js')).isCanary(args[0], args[1])"
    names = [f"phone-{number}" for number in range(20)]
    assert [page.run(share, name, 0.5) for name in names] == [is_canary(name, 0.5) for name in names]
    assert page.run(CHECK, np.tile([0.1, -0.2, -9.7], (60, 1)).tolist()) == "reversed"
    assert page.faults() == []


def test_a_browser_rejects_the_same_stores_as_node(browser, node, tmp_path) -> None:
    store = MadeStore.make(tmp_path)
    store.publish("one")

    def longer(name: str, content: bytes | None) -> bytes | None:
        return (content or b"") + bytes(10_000_000) if name.endswith("timestamp.json") else content

    with phone_in_browser(browser, store) as browsing, phone_in_node(node, store) as phone:
        for change, reason in (
            (with_a_flipped_byte("timestamp.json"), "unsigned"),
            (with_a_flipped_byte("network.onnx"), "changed"),
            (longer, "too long"),
            (lambda name, content: None, "unreachable"),
        ):
            for client in (browsing, phone):
                client.server.change = change
                with pytest.raises(RejectedByPage) as rejected:
                    client.pull()
                assert rejected.value.reason == reason
        for client in (browsing, phone):
            client.server.change = lambda name, content: content
            assert client.pull() == "one" == client.good()


def test_the_database_of_an_earlier_page_keeps_its_content(page: BrowserModules) -> None:
    found = page.run("""
        const { openDB } = await import('/phone/vendor/idb/index.js');
        const names = ['samples', 'activities', 'statements', 'said', 'values'];
        const upgrade = (made) => names.forEach((name) => made.createObjectStore(name));
        const before = await openDB('har-phone', 1, { upgrade });
        await before.put('values', 'kept', 'name');
        before.close();
        const { NamedValues, openDatabase } = await import('/phone/sending/database.js');
        const database = await openDatabase();
        const value = await new NamedValues(database).get('name');
        const stores = [...database.objectStoreNames];
        database.close();
        indexedDB.deleteDatabase('har-phone');
        return [value, stores];
        """)
    assert found == ["kept", ["activities", "labelled", "said", "samples", "statements", "values"]]

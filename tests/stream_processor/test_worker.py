"""A worker as a process of its own, in which a part of its Kafka client fails."""

import subprocess
import sys

import pytest

from deploy.addresses import free_port
from tests import brokers

#: Starts `har processor`, whose task for fetching ends at its second fetch.
WITH_A_FAULT = """
import asyncio
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest
from deploy import cli

send, fetches = AIOKafkaClient.send, []

async def send_or_fail(client, node, request, **settings):
    if isinstance(request, FetchRequest):
        fetches.append(request)
        if len(fetches) > 1:
            {fault}
    return await send(client, node, request, **settings)

AIOKafkaClient.send = send_or_fail
raise SystemExit(cli.main())
"""


CANCEL = "[task.cancel() for task in asyncio.all_tasks() if '_fetch_requests' in repr(task)]"


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        pytest.param("raise IndexError('a damaged answer')", "IndexError: a damaged answer", id="by an error"),
        pytest.param(CANCEL, "FetchingEndedError", id="without an error"),
    ],
)
@pytest.mark.parametrize("broker", [brokers.EMBEDDED], indirect=True)
def test_a_worker_ends_if_its_client_fetches_no_more(broker, tmp_path, fault, named):
    words = ["processor", "--bootstrap", broker.bootstrap, "--web-port", str(free_port())]
    words += ["--data-folder", str(tmp_path), "--redis-url", f"redis://127.0.0.1:{free_port()}/0"]
    program = [sys.executable, "-c", WITH_A_FAULT.format(fault=fault), *words]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=40, check=False)
    assert ended.returncode == 1
    assert "the task that fetches from Kafka has ended" in ended.stderr
    assert named in ended.stderr

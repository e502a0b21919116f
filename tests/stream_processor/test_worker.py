"""A worker as a process of its own, in which a part of its Kafka client fails."""

import subprocess
import sys
from contextlib import closing

import pytest
from kafka import KafkaProducer

from deploy.addresses import free_port
from har import topics
from stream_processor.health import EXIT_SECONDS
from tests import brokers

#: Starts `har processor`, whose task for fetching ends at its second fetch. What it sends is never confirmed.
WITH_A_FAULT = """
import asyncio
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.produce import ProduceRequest
from deploy import cli

send, fetches, sent = AIOKafkaClient.send, [], []

async def send_or_fail(client, node, request, **settings):
    if isinstance(request, FetchRequest):
        fetches.append(request)
        if len(fetches) > 1:
            {fault}
    if isinstance(request, ProduceRequest):
        sent.append(request)
        await asyncio.Event().wait()  # never confirmed
    return await send(client, node, request, **settings)

AIOKafkaClient.send = send_or_fail
raise SystemExit(cli.main())
"""

#: Starts `har processor`, which is asked to stop while it reads its committed offsets, and then loses the connection.
STOPPED_WHILE_JOINING = """
import asyncio, os, signal
import faust
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.commit import OffsetFetchRequest
from deploy import cli

send, shut_down, asked, lost = AIOKafkaClient.send, faust.Worker._schedule_shutdown, [], []

async def send_or_lose(client, node, request, **settings):
    if isinstance(request, OffsetFetchRequest) and not lost:
        lost.append(request)
        os.kill(os.getpid(), signal.SIGTERM)
        while not asked:
            await asyncio.sleep(0)
        raise KafkaConnectionError("closed")
    return await send(client, node, request, **settings)

def note_and_shut_down(worker, number):
    asked.append(number)
    shut_down(worker, number)

AIOKafkaClient.send, faust.Worker._schedule_shutdown = send_or_lose, note_and_shut_down
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
    ended = end_by(fault, broker, tmp_path)
    assert ended.returncode == 1
    assert "the task that fetches from Kafka has ended" in ended.stderr
    assert named in ended.stderr


@pytest.mark.parametrize("broker", [brokers.EMBEDDED], indirect=True)
def test_a_worker_that_failed_ends_although_kafka_does_not_confirm_what_it_sent(broker, tmp_path):
    with closing(KafkaProducer(bootstrap_servers=[broker.bootstrap])) as producer:
        producer.send(topics.SAMPLES.name, key=b"phone", value=b"no batch").get(10)  # its rejection is sent
    ended = end_by("if sent: raise IndexError", broker, tmp_path)
    assert ended.returncode == 1
    assert f"Timeout (0:00:{EXIT_SECONDS:02.0f})" in ended.stderr  # by force


@pytest.mark.parametrize("broker", [brokers.EMBEDDED], indirect=True)
def test_a_worker_that_is_stopped_while_it_joins_reports_no_error(broker, tmp_path):
    ended = run(STOPPED_WHILE_JOINING, broker, tmp_path)
    assert ended.returncode == 0
    assert " ERROR " not in ended.stderr
    assert ended.stderr.splitlines()[-1].endswith("stopped")


def end_by(fault, broker, folder) -> subprocess.CompletedProcess[str]:
    return run(WITH_A_FAULT.format(fault=fault), broker, folder)


def run(code, broker, folder) -> subprocess.CompletedProcess[str]:
    words = ["processor", "--bootstrap", broker.bootstrap, "--web-port", str(free_port())]
    words += ["--data-folder", str(folder), "--redis-url", f"redis://127.0.0.1:{free_port()}/0"]
    program = [sys.executable, "-c", code, *words]
    return subprocess.run(program, capture_output=True, text=True, timeout=90, check=False)

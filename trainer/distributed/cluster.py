"""A TensorFlowOnSpark cluster from the driver's side: start it, wait for the weights, say what went wrong."""

from __future__ import annotations

import logging
import re
import shutil
import signal
from collections.abc import Callable
from threading import Event
from time import monotonic
from typing import Any

import msgspec
from pyspark.sql import SparkSession
from tensorflowonspark import TFCluster

from trainer.distributed.job import TrainingJob
from trainer.distributed.reservations import closed_reservations
from trainer.distributed.spool import marks_folder
from trainer.fitting.tensorflow_types import Cluster
from trainer.runs.folder import RunFolder

#: How long nodes may take to start, s.
START_SECONDS = 300
#: How long nodes may take to end when the weights are there, s.
END_SECONDS = 60
#: How long after a failure: nothing more is to come of them.
FAILED_END_SECONDS = 5
#: TFoS's own waiting looks every 5 s; ours this often, s.
LOOK_SECONDS = 0.5

_log = logging.getLogger(__name__)
# TensorFlowOnSpark and Py4J speak of every second they wait.
for _chatty in ("tensorflowonspark", "py4j"):
    logging.getLogger(_chatty).setLevel(logging.ERROR)

Node = Callable[[Any, Any], None]


class ExecutorError(RuntimeError):
    """Distributed training failed; the text says on which executor, and where its log is."""


class ClusterNode(msgspec.Struct, frozen=True):
    """One entry of TensorFlowOnSpark's `cluster_info`, without its keys.

    Attributes
    ----------
    executor : int
        Number of the executor.
    host : str
        Its address.
    part : str
        ``chief``, ``worker`` or ``ps``.
    number : int
        Among those of its part.
    port : int
        Where TensorFlow listened.
    """

    executor: int
    host: str
    part: str
    number: int
    port: int


def train_on_cluster(
    spark: SparkSession, node: Node, job: TrainingJob, *, parameter_servers: int, coordinators: int, seconds: float
) -> list[ClusterNode]:
    """Run a node function on every executor until the run's weights are there.

    Parameters
    ----------
    spark : SparkSession
        With an executor for each node.
    node : callable
        What each node runs.
    job : TrainingJob
        The run.
    parameter_servers, coordinators : int
        Nodes besides the workers.
    seconds : float
        How long training may take.

    Returns
    -------
    list of ClusterNode
        Who took part.

    Raises
    ------
    ExecutorError
        If a node fails or dies, or time is out.
    """
    folder = RunFolder(job.run)
    shutil.rmtree(marks_folder(job), ignore_errors=True)  # an earlier attempt's
    marks_folder(job).mkdir(parents=True)
    TFCluster.tf_status.clear()  # it is the module's, and remembers the last cluster's failure
    with closed_reservations():
        try:
            cluster = TFCluster.run(
                spark.sparkContext,
                node,
                {"job": job},
                job.request.workers + parameter_servers + coordinators,
                num_ps=parameter_servers,
                input_mode=TFCluster.InputMode.TENSORFLOW,
                master_node="chief",
                reservation_timeout=START_SECONDS,
            )
        except (Exception, SystemExit) as error:
            raise ExecutorError(_reason(folder, f"the executors did not start: {error}")) from error
        nodes = _nodes(cluster.cluster_info)
        _shut_down(cluster, folder, _await_weights(folder, seconds))
    return nodes


def _await_weights(folder: RunFolder, seconds: float) -> str:
    """Wait until the weights are there; return what happened instead, or nothing."""
    deadline = monotonic() + seconds
    pause = Event()  # other machines' processes signal through the shared folder: it has to be looked at
    while not folder.weights.exists():
        if "error" in TFCluster.tf_status and not folder.weights.exists():
            return "training did not finish"
        if monotonic() > deadline:
            return f"training took longer than {seconds:g} s (--time-limit)"
        pause.wait(LOOK_SECONDS)
    return ""


def _shut_down(cluster: Cluster, folder: RunFolder, failure: str) -> None:
    try:
        cluster.shutdown(timeout=FAILED_END_SECONDS if failure else END_SECONDS)
    except (Exception, SystemExit) as error:
        if failure:
            raise ExecutorError(_reason(folder, failure)) from error
        _log.warning("training finished, but not all executors did: %s", _reason(folder, "one of them died"))
    finally:
        signal.alarm(0)  # TensorFlowOnSpark's alarm for the timeout goes off even if nothing is waited for any more
    if failure:
        raise ExecutorError(_reason(folder, failure))


def _reason(folder: RunFolder, what: str) -> str:
    said = str(TFCluster.tf_status.get("error", ""))
    lost = re.search(r"ExecutorLostFailure \(executor (\S+) .*?\) Reason: (.*)", said)
    lines = [line.strip() for line in said.splitlines()]
    raised = [line for line in lines if re.match(r"[\w.]+(Error|Exception|Interrupt)\b: ", line)]
    if lost:
        what += f": executor {lost.group(1)} died ({lost.group(2).strip()[:200]})"
    elif raised:
        what += f": {raised[-1][:500]}"
    elif said:
        what += f": {said.splitlines()[0][:300]}"
    return f"{what}. The processes' output is in {folder.logs}; the same command with --resume goes on"


def _nodes(cluster_info: list[dict[str, Any]]) -> list[ClusterNode]:
    nodes = [
        ClusterNode(node["executor_id"], node["host"], node["job_name"], node["task_index"], node["port"])
        for node in cluster_info
    ]
    return sorted(nodes, key=lambda node: node.executor)

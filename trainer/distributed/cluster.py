"""Run a TensorFlowOnSpark cluster from the driver: start it, wait for the weights, and report failures."""

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
from trainer.distributed.reservations import safe_reservations
from trainer.distributed.spool import marks_folder
from trainer.fitting.tensorflow_types import Cluster
from trainer.run_folder import RunFolder

#: Time limit for nodes to start, s.
START_SECONDS = 300
#: Time limit for nodes to end once the weights exist, s.
END_SECONDS = 60
#: Time limit for nodes to end after a failure, s.
FAILED_END_SECONDS = 5
#: Interval of checks for the weights, s. TensorFlowOnSpark's own is 5 s.
POLL_SECONDS = 0.5

_log = logging.getLogger(__name__)
# TensorFlowOnSpark and Py4J log every second of waiting.
for _verbose in ("tensorflowonspark", "py4j"):
    logging.getLogger(_verbose).setLevel(logging.ERROR)

Node = Callable[[Any, Any], None]


class ExecutorError(RuntimeError):
    """Distributed training failed; the message names the executor and the folder of the logs."""


class ClusterNode(msgspec.Struct, frozen=True):
    """One entry of TensorFlowOnSpark's `cluster_info`, without its keys.

    Attributes
    ----------
    executor : int
        Number of the executor.
    host : str
        Address of its machine.
    part : str
        Role: ``chief``, ``worker`` or ``ps``.
    number : int
        Number among the nodes of this role, from 0.
    port : int
        Port that TensorFlow listened on.
    """

    executor: int
    host: str
    part: str
    number: int
    port: int


def train_on_cluster(
    spark: SparkSession, node: Node, job: TrainingJob, *, parameter_servers: int, coordinators: int, seconds: float
) -> list[ClusterNode]:
    """Run a node function on every executor until the run's weights exist.

    Parameters
    ----------
    spark : SparkSession
        Session with an executor for each node.
    node : callable
        Function that each node runs.
    job : TrainingJob
        The run.
    parameter_servers, coordinators : int
        Number of nodes besides the workers.
    seconds : float
        Time limit of training, s.

    Returns
    -------
    list of ClusterNode
        Nodes of the cluster, ordered by executor.

    Raises
    ------
    ExecutorError
        If a node fails or dies, or training exceeds the time limit.
    """
    folder = RunFolder(job.run)
    shutil.rmtree(marks_folder(job), ignore_errors=True)  # of an earlier attempt
    marks_folder(job).mkdir(parents=True)
    TFCluster.tf_status.clear()  # global state, which keeps the failure of an earlier cluster
    with safe_reservations():
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
    """Wait for the weights; return a description of the failure, empty if the weights exist."""
    deadline = monotonic() + seconds
    pause = Event()  # processes on other machines signal through the shared folder, which must be polled
    while not folder.weights.exists():
        if "error" in TFCluster.tf_status and not folder.weights.exists():
            return "training did not finish"
        if monotonic() > deadline:
            return f"training took longer than {seconds:g} s (--time-limit)"
        pause.wait(POLL_SECONDS)
    return ""


def _shut_down(cluster: Cluster, folder: RunFolder, failure: str) -> None:
    try:
        cluster.shutdown(timeout=FAILED_END_SECONDS if failure else END_SECONDS)
    except (Exception, SystemExit) as error:
        if failure:
            raise ExecutorError(_reason(folder, failure)) from error
        _log.warning("training finished, but not all executors ended: %s", _reason(folder, "one of them died"))
    finally:
        signal.alarm(0)  # TensorFlowOnSpark does not cancel its alarm for the timeout
    if failure:
        raise ExecutorError(_reason(folder, failure))


def _reason(folder: RunFolder, what: str) -> str:
    status = str(TFCluster.tf_status.get("error", ""))
    lost = re.search(r"ExecutorLostFailure \(executor (\S+) .*?\) Reason: (.*)", status)
    lines = [line.strip() for line in status.splitlines()]
    raised = [line for line in lines if re.match(r"[\w.]+(Error|Exception|Interrupt)\b: ", line)]
    if lost:
        what += f": executor {lost.group(1)} died ({lost.group(2).strip()[:200]})"
    elif raised:
        what += f": {raised[-1][:500]}"
    elif status:
        what += f": {status.splitlines()[0][:300]}"
    return f"{what}. The logs of the processes are in {folder.logs}; continue with the same command and --resume"


def _nodes(cluster_info: list[dict[str, Any]]) -> list[ClusterNode]:
    nodes = [
        ClusterNode(node["executor_id"], node["host"], node["job_name"], node["task_index"], node["port"])
        for node in cluster_info
    ]
    return sorted(nodes, key=lambda node: node.executor)

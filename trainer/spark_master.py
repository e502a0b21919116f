"""The executors that a training needs, and whether a Spark master has them, before Spark starts: it takes minutes.

A master is asked over its own protocol for a stream that does not exist: Spark answers at once, before any
authentication, and logs nothing.
"""

import os
import re
import socket
import struct
from concurrent.futures import ThreadPoolExecutor

from har.process.addresses import split_host_and_port

#: Number of nodes besides the workers, in mode async.
PARAMETER_SERVERS = 1
COORDINATORS = 1
#: Memory of an executor's JVM, MB, without the memory of its Python process.
EXECUTOR_MB = 1024
#: Time limit for a connection to a master, s.
CONNECT_SECONDS = 5.0
#: Time limit for its answer, s.
ANSWER_SECONDS = 10.0
#: How the URL of a master can look.
FORMS = "local[N], local-cluster[WORKERS,CORES,MB], spark://HOST:PORT, yarn, or k8s://https://HOST:PORT"
_LOCAL = re.compile(r"local(?:\[\s*(\d+|\*)\s*(?:,\s*\d+\s*)?\])?")
_LOCAL_CLUSTER = re.compile(r"local-cluster\[\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\]")
_STANDALONE = "spark://"
_ABSENT_STREAM = b"/files/none"
#: Spark's code for a request of a stream (`org.apache.spark.network.protocol.StreamRequest`).
_STREAM_REQUEST = 6


def node_count(mode: str, workers: int) -> int:
    """Return the number of nodes of a cluster that trains. Each needs an executor, all at the same time.

    Examples
    --------
    >>> node_count("sync", 2), node_count("async", 2)
    (2, 4)
    """
    return workers + (PARAMETER_SERVERS + COORDINATORS if mode == "async" else 0)


def require_master(master: str, executors: int, *, at_once: bool) -> None:
    """Raise if the URL is none of a Spark master, or by itself says that it cannot hold the executors.

    Parameters
    ----------
    master : str
        URL of the master.
    executors : int
        Number of executors with one core each.
    at_once : bool
        Whether all of them must run at the same time, as nodes of training must.

    Raises
    ------
    ValueError
        With what to do.

    Examples
    --------
    >>> require_master("local[2]", 4, at_once=True)
    Traceback (most recent call last):
    ValueError: local[2] runs 2 tasks at a time, but 4 processes must run at once: use local[4], or no --master
    """
    if local := _LOCAL.fullmatch(master):
        held = _cores() if local[1] == "*" else int(local[1] or 1)
        if at_once and held < executors:
            raise ValueError(
                f"{master} runs {held} tasks at a time, but {executors} processes must run at once: "
                f"use local[{executors}], or no --master"
            )
    elif cluster := _LOCAL_CLUSTER.fullmatch(master):
        workers, cores, megabytes = map(int, cluster.groups())
        held = workers * min(cores, megabytes // EXECUTOR_MB)
        if held < executors:
            raise ValueError(
                f"{master} has room for {held} executors with one core and {EXECUTOR_MB} MB each, but {executors} are "
                f"needed: use local-cluster[{executors},1,{EXECUTOR_MB}], or no --master"
            )
    elif master.startswith(_STANDALONE):
        _addresses(master)
    elif master != "yarn" and not master.startswith("k8s://"):
        raise ValueError(f"{master!r} is not a Spark master: it must be {FORMS}")


def fault_of_master(master: str) -> str | None:
    """Return what is wrong if no standalone master answers at ``spark://HOST:PORT,HOST:PORT``; None if one does.

    Other masters are not asked. Where Spark has a configuration of its own, a master may close the connection at once,
    as it may expect encryption: Spark itself will say.
    """
    if not master.startswith(_STANDALONE):
        return None
    addresses = _addresses(master)
    with ThreadPoolExecutor(len(addresses)) as pool:
        faults = list(pool.map(_fault_at, addresses))
    return None if None in faults else "; ".join(filter(None, faults))


def _addresses(master: str) -> list[str]:
    addresses = master.removeprefix(_STANDALONE).split(",")
    for address in addresses:
        try:
            host, port = split_host_and_port(address)
        except ValueError:
            host, port = "", 0
        if not host or not 0 < port < 65_536 or re.search(r"[\s/@]", host):
            raise ValueError(f"{master!r} is not a Spark master: {address!r} is not HOST:PORT, such as head:7077")
    return addresses


def _fault_at(address: str) -> str | None:
    try:
        with socket.create_connection(split_host_and_port(address), CONNECT_SECONDS) as connection:
            connection.settimeout(ANSWER_SECONDS)
            return _fault_of_answer(address, connection)
    except TimeoutError:
        return f"{address} does not accept a connection within {CONNECT_SECONDS:g} s"
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it cannot be the name of a host"
        return f"{address}: {reason or error}"


def _fault_of_answer(address: str, connection: socket.socket) -> str | None:
    body = struct.pack(">bi", _STREAM_REQUEST, len(_ABSENT_STREAM)) + _ABSENT_STREAM
    try:
        connection.sendall(struct.pack(">q", struct.calcsize(">q") + len(body)) + body)
        answer = connection.recv(64)
    except TimeoutError:
        return f"{address} accepts a connection but does not answer within {ANSWER_SECONDS:g} s"
    except OSError:
        answer = b""
    if not answer and not _is_configured():
        return f"{address} closes the connection without an answer, as no Spark master does"
    if answer.startswith(b"HTTP/"):
        return f"{address} is a web server: a master's own port is 7077 by default"
    return None


def _is_configured() -> bool:
    places = ("SPARK_CONF_DIR", "SPARK_HOME")
    return any(place in os.environ for place in places) or "spark.ssl" in os.environ.get("PYSPARK_SUBMIT_ARGS", "")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""Spark's classes in the form in which a JVM maps them into memory.

A JVM of Spark's spends most of its first seconds on reading and checking some ten thousand classes. With an archive of
them (application class-data sharing, JEP 310 and 350) it takes 4 instead of 10 s of CPU time until a first job is done.
"""

import fcntl
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pyspark

_JARS = Path(pyspark.__file__).parent / "jars"
#: Loads what the trainer's jobs load: tasks in Python, a frame that is grouped, written and read.
_JOB = """
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
spark.sparkContext.parallelize(range(3), 1).barrier().mapPartitions(lambda part: part).collect()
spark.range(9).groupBy("id").count().orderBy("id").write.parquet(sys.argv[1])
spark.read.parquet(sys.argv[1]).collect()
"""


def archived_classes(folder: Path) -> Path | None:
    """Return the archive for this Spark, made if there is none yet; None if this JVM cannot make it.

    Several workers may ask at once: one makes it, the others wait.
    """
    archive = folder / f"spark-{pyspark.__version__}-{_JARS.stat().st_mtime_ns}.jsa"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            _make(archive)
    return archive if archive.exists() else None


def _make(archive: Path) -> None:
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        made = Path(folder) / "archive"
        options = f"--driver-java-options -XX:ArchiveClassesAtExit={made} pyspark-shell"
        subprocess.run(
            [sys.executable, "-c", _JOB, f"{folder}/rows"],
            env={**os.environ, "PYSPARK_SUBMIT_ARGS": options, "SPARK_LOCAL_IP": "127.0.0.1"},
            capture_output=True,
            check=False,
        )
        if made.exists():
            made.rename(archive)

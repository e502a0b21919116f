"""An archive of Spark's classes, which a JVM maps into memory.

A JVM that runs Spark reads and checks some ten thousand classes first. With an archive of them (application class-data
sharing, JEP 310 and 350) the first job is done after 4 s of CPU time instead of 10 s.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pyspark

_JARS = Path(pyspark.__file__).parent / "jars"
#: Loads the classes that the trainer's jobs need: Python tasks, and a frame that is grouped, written and read.
_JOB = """
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
spark.sparkContext.parallelize(range(3), 1).barrier().mapPartitions(lambda part: part).collect()
spark.range(9).groupBy("id").count().orderBy("id").write.parquet(sys.argv[1])
spark.read.parquet(sys.argv[1]).collect()
"""


def archived_classes(folder: Path, options: str) -> Path | None:
    """Return the archive for this Spark, and create it first if needed; None if this JVM cannot create it.

    Several workers may ask at the same time: one creates it and the others wait. The archive is for JVMs that start
    with the same `options`.
    """
    java = os.path.realpath(shutil.which("java") or "java")
    start = hashlib.sha256(f"{java} {options}".encode()).hexdigest()[:16]
    archive = folder / f"spark-{pyspark.__version__}-{_JARS.stat().st_mtime_ns}-{start}.jsa"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            _make(archive, options)
    return archive if archive.exists() else None


def _make(archive: Path, java_options: str) -> None:
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        made = Path(folder) / "archive"
        spark_options = f"--driver-java-options -XX:ArchiveClassesAtExit={made} pyspark-shell"
        subprocess.run(
            [sys.executable, "-c", _JOB, f"{folder}/rows"],
            env={
                **os.environ,
                "JDK_JAVA_OPTIONS": java_options,
                "PYSPARK_SUBMIT_ARGS": spark_options,
                "SPARK_LOCAL_IP": "127.0.0.1",
            },
            capture_output=True,
            check=False,
        )
        if made.exists():
            made.rename(archive)

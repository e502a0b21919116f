"""Apache Kafka's jars, which Maven downloads once, and the Java that runs them."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded import MissingServerError


class UnreachableRepositoryError(MissingServerError):
    """Maven is installed, but could not download Apache Kafka."""


_HERE = Path(__file__).parent
_POM = _HERE / "pom.xml"
_LOGGING = _HERE / "log4j2.properties"
OLDEST_JAVA = 17
#: Time limit of the download (about 60 MB), s: a repository that does not answer must not block a caller indefinitely.
FETCH_SECONDS = 600
#: A small heap, and neither a concurrent collector nor the second compiler: a broker starts in two thirds of the time,
#: and several brokers fit on a laptop.
_JVM_OPTIONS = ("-Xms128m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
#: The minimum that the format tool accepts; no process listens on these ports.
_MINIMAL_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:9093
listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093
controller.listener.names=CONTROLLER
log.dirs=data
"""


@dataclass(frozen=True)
class Distribution:
    """An Apache Kafka that can run.

    Attributes
    ----------
    java : Path
        The Java program.
    jars : Path
        Folder of Kafka's jars and their dependencies.
    """

    java: Path
    jars: Path

    @property
    def class_archive(self) -> Path:
        """The classes as a JVM maps them into memory; without this file it starts more slowly."""
        return self.jars.with_suffix(".jsa")

    def server(self, properties: Path) -> list[str]:
        """Return the command line of a broker or controller."""
        return self._command("kafka.Kafka", str(properties))

    def format(self, properties: Path, cluster: str) -> list[str]:
        """Return the command line that formats a server's empty data folder for a cluster."""
        return self._command("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties))

    def archive_classes(self) -> None:
        """Make the class archive: a start takes a quarter less, formatting a third of the time (measured).

        It contains the classes that formatting a temporary folder loads. If this fails, everything works without it.
        """
        with tempfile.TemporaryDirectory(prefix=f"{self.jars.name}-", dir=self.jars.parent) as folder:
            properties = Path(folder) / "server.properties"
            properties.write_text(_MINIMAL_PROPERTIES)
            java, *arguments = self.format(properties, cluster="har-class-archive-run1")
            without_archive = [word for word in arguments if not word.startswith("-XX:SharedArchiveFile")]
            subprocess.run(
                [java, "-XX:ArchiveClassesAtExit=archive", *without_archive],
                cwd=folder,
                capture_output=True,
                check=False,
            )
            archive = Path(folder) / "archive"
            if archive.exists():
                archive.rename(self.class_archive)

    def _command(self, main_class: str, *arguments: str) -> list[str]:
        return [
            *(str(self.java), *_JVM_OPTIONS, f"-XX:SharedArchiveFile={self.class_archive}"),
            *(f"-Dlog4j2.configurationFile={_LOGGING}", "-cp", f"{self.jars}/*", main_class, *arguments),
        ]


def find_distribution(announce: Callable[[str], None] = lambda text: None) -> Distribution:
    """Return an Apache Kafka to run; download its jars if they are missing.

    Several processes may call this at the same time: one downloads, the others wait for it.

    Parameters
    ----------
    announce : callable
        Called with a message before a step that takes long.

    Raises
    ------
    MissingServerError
        If Java or Maven is missing; the message states what to install.
    UnreachableRepositoryError
        If Maven cannot download the jars.
    """
    found = Distribution(find_java(), jars_folder())
    if not found.jars.is_dir():
        found.jars.parent.mkdir(parents=True, exist_ok=True)
        with _lock(found.jars.with_suffix(".lock")):
            if not found.jars.is_dir():
                announce(f"Downloading Apache Kafka with Maven (about 60 MB) into {found.jars} …")
                _fetch(found.jars)
                found.archive_classes()
    return found


def jars_folder() -> Path:
    """Return the folder of the jars: one per user and content of `pom.xml`."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "har" / f"kafka-{hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]}"


def find_java() -> Path:
    """Return the Java of JAVA_HOME or on the PATH, if it is new enough.

    Raises
    ------
    MissingServerError
        If there is none, or it is too old.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else None
    found = found or shutil.which("java")
    remedy = f"install Java {OLDEST_JAVA} or newer (Debian: apt install openjdk-17-jre-headless)"
    if found is None:
        raise MissingServerError(f"Apache Kafka needs Java, which is neither in JAVA_HOME nor on the PATH: {remedy}")
    output = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', output)
    if version is None or int(version[1]) < OLDEST_JAVA:
        raise MissingServerError(f"Apache Kafka needs a newer Java than {found} ({output.splitlines()[:1]}): {remedy}")
    return Path(found)


@contextmanager
def _lock(file: Path) -> Iterator[None]:
    """Hold a file lock, which ends with this process at the latest."""
    with file.open("w") as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        yield


def _fetch(jars: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingServerError("downloading Apache Kafka needs Maven: install it (Debian: apt install maven)")
    with tempfile.TemporaryDirectory(prefix=f"{jars.name}-", dir=jars.parent) as folder:
        shutil.copy(_POM, folder)
        try:
            run = subprocess.run(
                [maven, "-q", "-B", "package"],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=FETCH_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise UnreachableRepositoryError(_unreachable(f"no answer within {FETCH_SECONDS} s")) from None
        if run.returncode != 0:
            errors = [line for line in run.stdout.splitlines() if line.startswith("[ERROR]")]
            raise UnreachableRepositoryError(_unreachable((errors or [f"status {run.returncode}"])[0]))
        # In one step, so that other processes see the folder only when it is complete.
        (Path(folder) / "jars").rename(jars)


def _unreachable(reason: str) -> str:
    return (
        "Maven could not download Apache Kafka; it needs its repository, or a mirror named in its settings.xml, "
        f"and a proxy if this network requires one: {reason}"
    )

"""Find out why Kafka cannot be reached: the libraries say only that they could not connect.

A probe connects to one server, does the TLS handshake, and sends the first requests of Kafka's protocol, which every
listener answers before anyone is authenticated. How the server ends the conversation shows what the settings have
wrong. The requests have their oldest versions, see https://kafka.apache.org/protocol.
"""

import socket
import ssl
import struct
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing

from har.process.addresses import split_host_and_port
from har.process.back_off import BackOff
from har.process.kafka_connection import KafkaConnection

#: How long a server may take for each answer, s.
ANSWER_SECONDS = 3.0
#: The first and the longest pause between probes of a Kafka that is away, s.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 1.0
#: The most servers that are probed, and the largest answer, bytes.
MOST_SERVERS, LARGEST_ANSWER = 8, 1 << 20
_METADATA, _SASL_HANDSHAKE, _API_VERSIONS = 3, 17, 18
_NOT_KAFKA = "the answer is not Kafka's; is this Kafka's port?"
_ILLEGAL_SASL_STATE, _UNSUPPORTED_MECHANISM = 34, 33


class KafkaUnreachableError(ConnectionError):
    """Kafka cannot be reached with these settings; the message states what was tried and why it failed.

    Attributes
    ----------
    is_transient : bool
        Whether the same settings may succeed later: Kafka is away, rather than the settings wrong.
    """

    def __init__(self, message: str, *, is_transient: bool) -> None:
        super().__init__(message)
        self.is_transient = is_transient


class _WrongSettingsError(Exception):
    """What the settings have wrong; they will not succeed later either."""


class _NoAnswerError(OSError):
    """The server ended the connection, or sent something else than Kafka's protocol."""


def require_reachable(kafka: KafkaConnection) -> None:
    """Do nothing if one of Kafka's servers converses with these settings; credentials are not checked.

    Raises
    ------
    KafkaUnreachableError
        If none does.
    """
    servers = kafka.servers[:MOST_SERVERS]
    threads = ThreadPoolExecutor(len(servers), thread_name_prefix="kafka-probe")
    probes = {threads.submit(_probe, kafka, server): server for server in servers}
    failures = []
    try:
        for probe in as_completed(probes):
            if (failure := probe.result()) is None:
                return
            failures.append((probes[probe], *failure))
    finally:
        threads.shutdown(wait=all(probe.done() for probe in probes))  # a silent server holds nobody up
    reasons = "; ".join(f"{server}: {text}" for server, text, _ in sorted(failures))
    raise KafkaUnreachableError(
        f"cannot reach Kafka with {kafka.tried}: {reasons}",
        is_transient=any(is_transient for _, _, is_transient in failures),
    )


def wait_until_reachable(kafka: KafkaConnection, seconds: float) -> None:
    """Do as `require_reachable`, but give a Kafka that is away some time to come back.

    Raises
    ------
    KafkaUnreachableError
        If the settings are wrong, or Kafka is away for longer than `seconds`.
    """
    deadline = time.monotonic() + seconds
    back_off = BackOff(FIRST_PAUSE_SECONDS, longest=LONGEST_PAUSE_SECONDS)
    while True:
        try:
            return require_reachable(kafka)
        except KafkaUnreachableError as error:
            if not error.is_transient or time.monotonic() > deadline:
                raise
        time.sleep(back_off.next_pause())


def _probe(kafka: KafkaConnection, server: str) -> tuple[str, bool] | None:
    """Return why a server cannot be used and whether that may change; None if it can be used."""
    host, port = split_host_and_port(server)
    try:
        with closing(_connect(host, port)) as plain:
            _converse(kafka, plain, host)
    except (OSError, UnicodeError, _WrongSettingsError) as error:
        return _explained(error, host)
    return None


def _explained(error: Exception, host: str) -> tuple[str, bool]:
    text, is_transient = " ".join(str(error).split()), True
    match error:
        case _WrongSettingsError():
            is_transient = False
        case socket.gaierror(errno=socket.EAI_AGAIN):
            text = f"the name server does not answer for the host {host}"
        case socket.gaierror():
            text, is_transient = f"the host {host} is unknown", False
        case UnicodeError():  # before a name server is asked
            text, is_transient = f"{host} cannot be the name of a host", False
        case ConnectionRefusedError():
            text = "nothing listens there; is Kafka running, and is --bootstrap right?"
        case TimeoutError():
            text = f"no answer within {ANSWER_SECONDS:g} s"
    return text, is_transient


def _connect(host: str, port: int) -> socket.socket:
    return socket.create_connection((host, port), timeout=ANSWER_SECONDS)


def _converse(kafka: KafkaConnection, plain: socket.socket, host: str) -> None:
    where = plain.getpeername()[:2]
    if kafka.is_encrypted:
        with closing(_encrypted(kafka, plain, host)) as connection:
            _ask(kafka, connection)
        return
    try:
        _ask(kafka, plain)
    except (_NoAnswerError, TimeoutError):
        if _speaks_tls(where):
            wanted = "SASL_SSL" if kafka.uses_sasl else "SSL or SASL_SSL"
            raise _WrongSettingsError(f"this listener speaks TLS: set --kafka-protocol {wanted}") from None
        raise


def _encrypted(kafka: KafkaConnection, plain: socket.socket, host: str) -> ssl.SSLSocket:
    context = kafka.tls_context()
    assert context is not None
    where = plain.getpeername()[:2]
    try:
        return context.wrap_socket(plain, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        is_name_wrong = "ostname" in error.verify_message or "IP" in error.verify_message
        advice = "" if is_name_wrong else "; set --kafka-authority to the authority that issued it"
        raise _WrongSettingsError(f"its certificate is not accepted: {error.verify_message}{advice}") from error
    except (ssl.SSLError, ConnectionError, TimeoutError) as error:
        if _speaks_plain_text(where):
            wanted = "SASL_PLAINTEXT" if kafka.uses_sasl else "PLAINTEXT or SASL_PLAINTEXT"
            raise _WrongSettingsError(
                f"this listener does not speak TLS: use another port, or --kafka-protocol {wanted}"
            ) from error
        raise


def _ask(kafka: KafkaConnection, connection: socket.socket) -> None:
    try:
        versions = _api_versions(connection)
    except ssl.SSLError as error:
        if "CERTIFICATE" in (error.reason or "") or "HANDSHAKE_FAILURE" in (error.reason or ""):
            reason = "this listener does not accept the client certificate"
            if kafka.certificate is None:
                reason = "this listener asks for a client certificate: set --kafka-certificate and --kafka-key"
            raise _WrongSettingsError(reason) from error
        raise
    if _METADATA not in versions:
        raise _WrongSettingsError(
            "this listener is not for clients, but perhaps for Kafka's controllers: use another port"
        )
    if kafka.uses_sasl:
        _shake_hands(kafka, connection)
        return
    try:
        _request(connection, _METADATA, *_no_topics(versions[_METADATA]))
    except _NoAnswerError as error:
        wanted = "SASL_SSL" if kafka.is_encrypted else "SASL_PLAINTEXT"
        raise _WrongSettingsError(
            f"this listener asks for a user: set --kafka-protocol {wanted}, --kafka-mechanism and --kafka-user"
        ) from error


def _shake_hands(kafka: KafkaConnection, connection: socket.socket) -> None:
    mechanism = (kafka.mechanism or "").encode()
    try:
        answer = _request(connection, _SASL_HANDSHAKE, 1, struct.pack(">h", len(mechanism)) + mechanism)
    except _NoAnswerError as error:
        raise _WrongSettingsError(_without_users(kafka)) from error
    if len(answer) < 6:
        raise _NoAnswerError(_NOT_KAFKA)
    code, count = struct.unpack_from(">hi", answer)
    if code == _ILLEGAL_SASL_STATE:
        raise _WrongSettingsError(_without_users(kafka))
    if code == _UNSUPPORTED_MECHANISM:
        raise _WrongSettingsError(f"this listener offers {_strings(answer[6:], count)}, not {kafka.mechanism}")


def _without_users(kafka: KafkaConnection) -> str:
    wanted = "SSL" if kafka.is_encrypted else "PLAINTEXT"
    return f"this listener has no users: use another port, or --kafka-protocol {wanted}"


def _api_versions(connection: socket.socket) -> dict[int, int]:
    """Return the oldest version of each request that the server accepts."""
    answer = _request(connection, _API_VERSIONS, 0, b"")
    code, count = struct.unpack_from(">hi", answer.ljust(6, b"\xff"))
    if code or len(answer) < 6 + 6 * count:
        raise _NoAnswerError(_NOT_KAFKA)
    entries = (struct.unpack_from(">hhh", answer, 6 + 6 * index) for index in range(count))
    return {key: oldest for key, oldest, _ in entries}


def _no_topics(oldest: int) -> tuple[int, bytes]:
    """Return the version and the body of a request for the metadata of no topic."""
    version = max(oldest, 1)
    return version, struct.pack(">i", 0) + (b"\x00" if version >= 4 else b"") + (b"\x00\x00" if version >= 8 else b"")


def _request(connection: socket.socket, key: int, version: int, body: bytes) -> bytes:
    """Send a request; return the body of the answer."""
    client = b"har-probe"
    message = struct.pack(">hhih", key, version, 1, len(client)) + client + body
    try:
        connection.sendall(struct.pack(">i", len(message)) + message)
        (size,) = struct.unpack(">i", _read(connection, 4))
        if not 4 <= size <= LARGEST_ANSWER:
            raise _NoAnswerError(_NOT_KAFKA)
        return _read(connection, size)[4:]
    except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
        raise _NoAnswerError(f"the server ended the connection ({type(error).__name__})") from error


def _read(connection: socket.socket, size: int) -> bytes:
    read = b""
    while len(read) < size:
        part = connection.recv(size - len(read))
        if not part:
            raise _NoAnswerError("the server ended the connection")
        read += part
    return read


def _strings(data: bytes, count: int) -> str:
    found, at = [], 0
    for _ in range(count):
        (length,) = struct.unpack_from(">h", data, at)
        found.append(data[at + 2 : at + 2 + length].decode(errors="replace"))
        at += 2 + length
    return ", ".join(found)


def _speaks_tls(where: tuple[str, int]) -> bool:
    """Return whether a server answers a TLS handshake; its certificate does not matter."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with closing(_connect(*where)) as plain, closing(context.wrap_socket(plain)):
            return True
    except OSError:
        return False


def _speaks_plain_text(where: tuple[str, int]) -> bool:
    try:
        with closing(_connect(*where)) as plain:
            _api_versions(plain)
            return True
    except OSError:
        return False

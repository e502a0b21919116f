"""The environment in which the services of a system on one machine connect to Kafka.

Secrets are passed in the environment, since others can read a command line.
"""

from collections.abc import Mapping

from pydantic import SecretStr

from har.process.kafka_connection import KafkaConnection

#: The commands that connect to Kafka, as in the names of their variables.
SERVICES = ("ARCHIVE", "GATEWAY", "PROCESSOR", "STORE")
_CREDENTIALS = ("USER", "PASSWORD", "PASSWORD_FILE", "TOKEN_FILE")


def kafka_environment(
    kafka: KafkaConnection | Mapping[str, KafkaConnection], known: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables with which services connect to Kafka as `har demo` does.

    Parameters
    ----------
    kafka : KafkaConnection or dict of str to KafkaConnection
        How to connect; for all services, or for each one by its name in lower case.
    known : dict of str to str
        The environment. A service whose user, token or certificate is in it keeps that; what else it lacks, such as the
        mechanism, is that of `kafka`.
    """
    variables: dict[str, str] = {}
    for service in SERVICES:
        connection = kafka if isinstance(kafka, KafkaConnection) else kafka[service.lower()]
        own = {name: value for name, value in _values(connection).items() if value is not None}
        for names in (_CREDENTIALS, ("CERTIFICATE", "KEY", "KEY_PASSWORD")):
            if any(f"HAR_{service}_KAFKA_{name}" in known for name in names):
                own = {name: value for name, value in own.items() if name not in names}
        variables |= {
            f"HAR_{service}_KAFKA_{name}": value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            for name, value in own.items()
            if f"HAR_{service}_KAFKA_{name}" not in known
        }
    return variables


def _values(kafka: KafkaConnection) -> dict[str, object]:
    return {
        "PROTOCOL": kafka.protocol,
        "MECHANISM": kafka.mechanism,
        "USER": kafka.user,
        "PASSWORD": kafka.password,
        "TOKEN_FILE": kafka.token_file,
        "AUTHORITY": kafka.authority,
        "CERTIFICATE": kafka.certificate,
        "KEY": kafka.key,
        "KEY_PASSWORD": kafka.key_password,
    }

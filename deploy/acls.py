"""The rights of each service as Kafka's ACLs: print them, or give them to the services' users."""

from collections.abc import Sequence
from dataclasses import dataclass

from kafka.admin import ACL, ACLOperation, ACLPermissionType, KafkaAdminClient, ResourcePattern, ResourceType
from kafka.errors import ClusterAuthorizationFailedError, KafkaError, SecurityDisabledError

from har import rights
from har.process.kafka_clients import KafkaRefusedError, open_client
from har.process.kafka_connection import KafkaConnection
from har.rights import Right

#: The place of the service in the name of its user.
SERVICE = "{service}"


@dataclass(frozen=True)
class Grant:
    """A right and who gets it.

    Attributes
    ----------
    principal : str
        Kafka's name of the user, such as ``User:har-gateway``.
    right : Right
        What the user may do.
    """

    principal: str
    right: Right

    def command(self, bootstrap: str) -> str:
        """Return the command of Apache Kafka that gives the right."""
        return (
            f"kafka-acls.sh --bootstrap-server {bootstrap} --add --allow-principal '{self.principal}' "
            f"--operation {self.right.operation} --{self.right.resource.lower()} {self.right.name}"
        )


def grants(principal: str, group: str = rights.DEFAULT_GROUP) -> list[Grant]:
    """Return what each service's user needs.

    Parameters
    ----------
    principal : str
        The users' names, with the place of the service, such as ``User:har-{service}``.
    group : str
        The processors' consumer group.
    """
    by_service = {**rights.BY_SERVICE, "processor": rights.of_processor(group)}
    return [
        Grant(principal.replace(SERVICE, service), right) for service, needed in by_service.items() for right in needed
    ]


def give(kafka: KafkaConnection, wanted: Sequence[Grant]) -> None:
    """Give rights to users; those that they have already stay.

    Raises
    ------
    KafkaRefusedError
        If whoever connects may not do that, or Kafka has no rights.
    RuntimeError
        If Kafka rejects one.
    kafka.errors.KafkaError, KafkaUnreachableError
        If Kafka does not answer.
    """
    admin = open_client(KafkaAdminClient, kafka)
    try:
        result = admin.create_acls([_acl(grant) for grant in wanted])
    except ClusterAuthorizationFailedError as error:
        raise _refused(kafka) from error
    except SecurityDisabledError as error:
        raise _without_rights(kafka) from error
    finally:
        admin.close()
    failures: list[type[KafkaError]] = result["failed"]
    if ClusterAuthorizationFailedError in failures:
        raise _refused(kafka)
    if SecurityDisabledError in failures:
        raise _without_rights(kafka)
    if failures:
        raise RuntimeError(f"Kafka at {kafka} rejected {len(failures)} of {len(wanted)} rights: {failures[0].__name__}")


def _refused(kafka: KafkaConnection) -> KafkaRefusedError:
    return KafkaRefusedError(f"in Kafka at {kafka}, {kafka.identity} lacks ALTER on cluster, which giving rights needs")


def _without_rights(kafka: KafkaConnection) -> KafkaRefusedError:
    return KafkaRefusedError(f"Kafka at {kafka} keeps no rights: set its authorizer.class.name first")


def _acl(grant: Grant) -> ACL:
    right = grant.right
    return ACL(
        principal=grant.principal,
        host="*",
        operation=ACLOperation[right.operation],
        permission_type=ACLPermissionType.ALLOW,
        resource_pattern=ResourcePattern(ResourceType[right.resource], right.name),
    )

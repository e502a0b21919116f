"""A cluster that lets only known users connect: TLS, SASL, and rights that are denied unless they are given (ACLs).

Brokers and the controller know each other by a client certificate, whose owner may do everything and creates the users.
Others connect to a listener of their own, with SASL on top of TLS.
"""

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from kafka.admin import KafkaAdminClient, ScramMechanism, UserScramCredentialUpsertion
from pydantic import SecretStr

from deploy.local_authority import ServerCertificate, certificate_of
from har.process.kafka_clients import open_client
from har.process.kafka_connection import KafkaConnection, Mechanism

#: The common name of the brokers' certificate.
SUPERUSER = "har-kafka"
_SCRAM = (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512)
_LOGIN_MODULES = {
    "scram-sha-256": "scram.ScramLoginModule required",
    "scram-sha-512": "scram.ScramLoginModule required",
    "oauthbearer": "oauthbearer.OAuthBearerLoginModule required",
}


@dataclass(frozen=True)
class Protection:
    """Certificates and users of a cluster.

    Attributes
    ----------
    folder : Path
        Folder of the certificate authority and the certificates, created by `make`.
    users : tuple of str
        The users that are created, besides the owner of the brokers' certificate.
    passwords : dict of str to SecretStr
        A password for each user, new at each start.
    """

    folder: Path
    users: tuple[str, ...]
    passwords: dict[str, SecretStr] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.passwords.update({user: SecretStr(secrets.token_urlsafe(18)) for user in self.users})

    def make(self) -> ServerCertificate:
        """Issue the brokers' certificate.

        Raises
        ------
        LocalAuthorityError, OSError
            If it cannot be issued.
        """
        return certificate_of(SUPERUSER, self.folder)

    def properties(self) -> dict[str, str]:
        """Return the server properties of each node."""
        made = self.make()
        keys = self.folder / "brokers.pem"
        keys.touch(mode=0o600)
        keys.write_bytes(made.key.read_bytes() + made.certificate.read_bytes())
        stores = {"keystore": keys, "truststore": made.authority}
        listener = "listener.name.clients"
        passwords = " ".join(f'user_{user}="{secret.get_secret_value()}"' for user, secret in self.passwords.items())
        modules = {**_LOGIN_MODULES, "plain": f"plain.PlainLoginModule required {passwords}"}
        return {
            **{f"ssl.{store}.type": "PEM" for store in stores},
            **{f"ssl.{store}.location": str(file) for store, file in stores.items()},
            "ssl.client.auth": "required",
            f"{listener}.ssl.client.auth": "none",
            f"{listener}.sasl.enabled.mechanisms": ",".join(modules).upper(),
            **{
                f"{listener}.{mechanism}.sasl.jaas.config": f"org.apache.kafka.common.security.{module};"
                for mechanism, module in modules.items()
            },
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:CN={SUPERUSER}",
        }

    def superuser(self, bootstrap: str) -> KafkaConnection:
        """Return the connection of the owner of the brokers' certificate, who may do everything."""
        own = self._files
        return KafkaConnection(bootstrap, "SSL", authority=own.authority, certificate=own.certificate, key=own.key)

    def user(self, name: str, bootstrap: str, mechanism: Mechanism = "SCRAM-SHA-512") -> KafkaConnection:
        """Return the connection of a user to the secured listeners."""
        authority = self._files.authority
        return KafkaConnection(bootstrap, "SASL_SSL", mechanism, name, self.passwords[name], authority=authority)

    @property
    def _files(self) -> ServerCertificate:
        return ServerCertificate.files(SUPERUSER, self.folder)

    def create_users(self, bootstrap: str) -> None:
        """Tell the running cluster the users' passwords, for SCRAM.

        Raises
        ------
        RuntimeError
            If Kafka rejects one.
        kafka.errors.KafkaError
            If Kafka does not answer.
        """
        admin = open_client(KafkaAdminClient, self.superuser(bootstrap))
        try:
            for mechanism in _SCRAM:
                changes = [
                    UserScramCredentialUpsertion(user, mechanism, secret.get_secret_value())
                    for user, secret in self.passwords.items()
                ]
                failures = {user: why for user, why in admin.alter_user_scram_credentials(changes).items() if why}
                if failures:
                    raise RuntimeError(f"Kafka does not accept the users: {failures}")
        finally:
            admin.close()

"""A local certificate authority, so that phones on the LAN reach the demo by HTTPS.

Browsers give motion sensors, cryptography and offline pages to HTTPS pages only, and no public authority certifies a
private address. The authority's key stays on this machine; the authority can certify private addresses and names only.
"""

import datetime
import ipaddress
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ingest.gateway.trust import fingerprint

AUTHORITY_DAYS = 3_650
#: iPhones accept no longer validity; each start makes a new certificate.
SERVER_DAYS = 90
#: RFC 1918, 3927, 4193; carriers and overlay networks (RFC 6598); test set-ups (RFC 2544, 5737).
_PRIVATE_NETWORKS = tuple(
    map(
        ipaddress.ip_network,
        (
            *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10"),
            *("198.18.0.0/15", "192.0.2.0/24", "127.0.0.0/8", "fc00::/7"),
        ),
    )
)
_PRIVATE_NAMES = ("localhost", "local", "lan", "home.arpa", "internal")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class LocalAuthorityError(RuntimeError):
    """The machine has no LAN address, or the authority cannot be used."""


@dataclass(frozen=True)
class ServerCertificate:
    """PEM files: a certificate for this machine, its key, and the certificate of the authority that issued it."""

    certificate: Path
    key: Path
    authority: Path

    @classmethod
    def files(cls, name: str, folder: Path) -> Self:
        """Return the files of a name in an authority's folder, whether they exist or not."""
        return cls(folder / f"{name}.pem", folder / f"{name}-key.pem", folder / "authority.pem")


def local_address() -> Address:
    """Return the address at which phones on the LAN reach this machine.

    Raises
    ------
    LocalAuthorityError
        If it has no address, or a public one.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: only selects the route
            found = ipaddress.ip_address(probe.getsockname()[0])
        except OSError as error:
            raise LocalAuthorityError("this machine has no LAN address: set it with --lan-address") from error
    return private(found)


def private(address: Address) -> Address:
    """Return an address unchanged if it is private.

    Raises
    ------
    LocalAuthorityError
        If it is public.
    """
    if not any(address in network for network in _PRIVATE_NETWORKS):
        raise LocalAuthorityError(
            f"{address} is a public address: run `har gateway` with a certificate of a public authority"
        )
    return address


def certificate_for(address: Address, folder: Path) -> ServerCertificate:
    """Issue a certificate for this machine with the authority in a folder, which is created the first time.

    Raises
    ------
    LocalAuthorityError
        If the folder does not contain a valid authority.
    OSError
        If the folder cannot be written.
    """
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    names += [x509.IPAddress(named) for named in dict.fromkeys((address, ipaddress.ip_address("127.0.0.1")))]
    hostname = socket.gethostname().lower()
    if hostname.isascii() and hostname.replace("-", "").isalnum():
        names.append(x509.DNSName(f"{hostname}.local"))
    return _issue(folder, "gateway", f"har gateway on {address}", names, [ExtendedKeyUsageOID.SERVER_AUTH])


def certificate_of(name: str, folder: Path) -> ServerCertificate:
    """Issue a certificate for a program that serves ``localhost``, or that connects as a client.

    Parameters
    ----------
    name : str
        Its common name, and the name of its files.
    folder : Path
        The folder of the authority, which is created the first time.

    Raises
    ------
    LocalAuthorityError, OSError
        As for `certificate_for`.
    """
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return _issue(folder, name, name, [x509.DNSName("localhost")], usages)


def _issue(
    folder: Path, file: str, name: str, names: list[x509.GeneralName], usages: list[x509.ObjectIdentifier]
) -> ServerCertificate:
    folder.mkdir(parents=True, exist_ok=True)
    authority, authority_key = _authority(folder)
    key = ec.generate_private_key(ec.SECP256R1())
    made = (
        _builder(name, SERVER_DAYS)
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    found = ServerCertificate.files(file, folder)
    _write_key(found.key, key)
    found.certificate.write_bytes(made.public_bytes(Encoding.PEM) + authority.public_bytes(Encoding.PEM))
    return found


def fingerprint_of(certificate: Path) -> str:
    """Return the SHA-256 fingerprint of a certificate in a PEM file, as the gateway's page and phones show it."""
    return fingerprint(x509.load_pem_x509_certificate(certificate.read_bytes()))


def _authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    certificate, key_file = folder / "authority.pem", folder / "authority-key.pem"
    if certificate.exists() and key_file.exists():
        try:
            read = load_pem_private_key(key_file.read_bytes(), None)
            made = x509.load_pem_x509_certificate(certificate.read_bytes())
        except ValueError as error:
            raise LocalAuthorityError(f"{folder} contains no valid authority: {error}; move it away") from error
        if not isinstance(read, ec.EllipticCurvePrivateKey) or read.public_key() != made.public_key():
            raise LocalAuthorityError(f"the key in {folder} does not belong to its certificate; move both away")
        return made, read
    key = ec.generate_private_key(ec.SECP256R1())
    networks = [x509.IPAddress(network) for network in _PRIVATE_NETWORKS]
    permitted = [*networks, *(x509.DNSName(name) for name in _PRIVATE_NAMES)]
    name = f"har local authority of {socket.gethostname()}"
    made = (
        _builder(name, AUTHORITY_DAYS)
        .issuer_name(_subject(name))
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_certificate_signing(), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_key(key_file, key)
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    return made, key


def _builder(name: str, days: int) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_subject(name))
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # a phone's clock may be slow
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _certificate_signing() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _write_key(file: Path, key: ec.EllipticCurvePrivateKey) -> None:
    file.touch(mode=0o600)
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

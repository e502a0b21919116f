"""The local certificate authority: what it certifies, and what it cannot."""

import asyncio
import ipaddress
import ssl
from contextlib import asynccontextmanager

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from deploy import local_authority
from deploy.local_authority import LocalAuthorityError, certificate_for, fingerprint_of, private

HOME = ipaddress.ip_address("192.168.1.20")


@asynccontextmanager
async def serving(made):
    """A server that presents the certificate; yields its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)

    async def serve(_, writer):
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def connect(port, name, authority) -> None:
    context = ssl.create_default_context(cafile=authority)
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
    writer.close()


async def test_a_client_that_trusts_the_authority_trusts_this_machines_address_and_name(tmp_path):
    made = certificate_for(HOME, tmp_path)
    async with serving(made) as port:
        for name in ("192.168.1.20", "127.0.0.1", "localhost"):
            await connect(port, name, made.authority)
        for name in ("192.168.1.21", "example.org"):
            with pytest.raises(ssl.SSLCertVerificationError):
                await connect(port, name, made.authority)
        with pytest.raises(ssl.SSLCertVerificationError):
            await connect(port, "localhost", None)


async def test_the_key_cannot_certify_other_names(tmp_path, monkeypatch):
    monkeypatch.setattr(local_authority.socket, "gethostname", lambda: "bank")
    # As a thief of the key would do: a public name instead of the local one.
    monkeypatch.setattr(local_authority.x509, "DNSName", lambda name: _dns_name(name.replace("bank.local", "bank.com")))
    made = certificate_for(HOME, tmp_path)
    async with serving(made) as port:
        with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
            await connect(port, "bank.com", made.authority)


_dns_name = x509.DNSName


def test_the_authority_is_kept_and_only_its_owner_can_read_its_key(tmp_path):
    first = fingerprint_of(certificate_for(HOME, tmp_path).authority)
    again = certificate_for(ipaddress.ip_address("10.0.0.7"), tmp_path)
    assert fingerprint_of(again.authority) == first
    assert len(first) == 95
    for key in (again.key, tmp_path / "authority-key.pem"):
        assert key.stat().st_mode & 0o777 == 0o600


def test_an_invalid_authority_is_reported(tmp_path):
    certificate_for(HOME, tmp_path)
    (tmp_path / "authority-key.pem").write_text("nothing")
    with pytest.raises(LocalAuthorityError, match="contains no valid authority"):
        certificate_for(HOME, tmp_path)
    key = ec.generate_private_key(ec.SECP256R1())
    local_authority._write_key(tmp_path / "authority-key.pem", key)
    with pytest.raises(LocalAuthorityError, match="does not belong to its certificate"):
        certificate_for(HOME, tmp_path)


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "0.0.0.0"])
def test_a_public_address_is_rejected(address):
    with pytest.raises(LocalAuthorityError, match="public authority"):
        private(ipaddress.ip_address(address))

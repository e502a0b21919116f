"""How a phone comes to trust a gateway whose certificate is of one's own authority: the certificate, and what to do."""

from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from ingest.gateway.pages import SECURITY_HEADERS

PATH = "/trust"
CERTIFICATE_PATH = "/local-authority.crt"

_PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Trust this system</title>
    <link rel="stylesheet" href="/phone/shared/base.css">
    <link rel="stylesheet" href="/phone/style.css">
  </head>
  <body>
    <main class="prose">
      <h1>Trust this system</h1>
      <p>Browsers give motion sensors only to pages that they trust. This gateway's certificate was made by an authority
        of its own, on the computer that runs it. Trust that authority only if it is yours: who holds its key could
        pose as any site to this phone. Remove it when you are done.</p>
      <p><a class="button" href="/local-authority.crt">Get the certificate</a></p>
      <p>Its SHA-256 fingerprint; compare it with what the computer shows:<br><code>{fingerprint}</code></p>
      <h2>Android</h2>
      <ol>
        <li>Get the certificate with the button above.</li>
        <li>Settings, Security &amp; privacy, More security settings, Encryption &amp; credentials, Install a
          certificate, CA certificate. (Names differ by maker: search the settings for “CA certificate”.)</li>
        <li>Choose the downloaded file, then open <a href="/phone/">the phone page</a> again.</li>
      </ol>
      <h2>iPhone and iPad</h2>
      <ol>
        <li>In Safari, get the certificate with the button above and allow the profile.</li>
        <li>Settings, General, VPN &amp; Device Management: install the profile.</li>
        <li>Settings, General, About, Certificate Trust Settings: turn on full trust for it.</li>
        <li>Open <a href="/phone/">the phone page</a> again.</li>
      </ol>
    </main>
  </body>
</html>
"""


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 fingerprint of a certificate, as phones show it."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


class TrustPage:
    """The routes of one's own authority.

    Parameters
    ----------
    certificate : Path
        The authority's, PEM.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is no certificate.
    """

    def __init__(self, certificate: Path) -> None:
        read = x509.load_pem_x509_certificate(certificate.read_bytes())
        self._der = read.public_bytes(Encoding.DER)
        self._fingerprint = fingerprint(read)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.get(PATH, self._page), web.get(CERTIFICATE_PATH, self._certificate)]

    async def _page(self, _: web.Request) -> web.Response:
        text = _PAGE.replace("{fingerprint}", self._fingerprint)
        return web.Response(text=text, content_type="text/html", headers=SECURITY_HEADERS)

    async def _certificate(self, _: web.Request) -> web.Response:
        return web.Response(body=self._der, content_type="application/x-x509-ca-cert", headers=SECURITY_HEADERS)

"""The page `/trust`: the certificate of a local authority, and how to install it on a phone."""

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
    <meta name="color-scheme" content="light dark">
    <title>Trust this system</title>
    <link rel="icon" href="./phone/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="./phone/shared/base.css">
    <link rel="stylesheet" href="./phone/style.css">
    <link rel="stylesheet" href="./phone/trust.css">
  </head>
  <body>
    <header class="top">
      <img src="./phone/icon.svg" alt="" width="36" height="36">
      <h1>Trust this system</h1>
    </header>
    <main>
      <section class="card prose">
        <p>Browsers allow motion sensors only on pages with a trusted certificate. A local authority on the computer
          that runs this gateway issued its certificate. Trust this authority only if it is yours: anyone who has its
          key can impersonate any site to this phone. Remove the authority when you no longer need it.</p>
        <p><a class="button primary" href="./local-authority.crt">Download the certificate</a></p>
        <p class="hint">SHA-256 fingerprint; compare it with the one that the computer shows:<br>
          <code>{fingerprint}</code></p>
      </section>
      <section class="card prose">
        <h2>Android</h2>
        <ol>
          <li>Download the certificate with the button above.</li>
          <li>Open Settings, Security &amp; privacy, More security settings, Encryption &amp; credentials, Install a
            certificate, CA certificate. (Names differ between makers: search the settings for “CA certificate”.)</li>
          <li>Choose the downloaded file, then open <a href="./phone/">the phone page</a> again.</li>
        </ol>
      </section>
      <section class="card prose">
        <h2>iPhone and iPad</h2>
        <ol>
          <li>In Safari, download the certificate with the button above and allow the profile.</li>
          <li>In Settings, General, VPN &amp; Device Management, install the profile.</li>
          <li>In Settings, General, About, Certificate Trust Settings, turn on full trust for the certificate.</li>
          <li>Open <a href="./phone/">the phone page</a> again.</li>
        </ol>
      </section>
    </main>
  </body>
</html>
"""


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 fingerprint of a certificate, as phones show it."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


class TrustPage:
    """The routes of the local authority.

    Parameters
    ----------
    certificate : Path
        The authority's certificate, PEM.

    Raises
    ------
    OSError
        If the certificate cannot be read.
    ValueError
        If the file is not a certificate.
    """

    def __init__(self, certificate: Path) -> None:
        authority = x509.load_pem_x509_certificate(certificate.read_bytes())
        self._der = authority.public_bytes(Encoding.DER)
        self._fingerprint = fingerprint(authority)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.get(PATH, self._page), web.get(CERTIFICATE_PATH, self._certificate)]

    async def _page(self, _: web.Request) -> web.Response:
        text = _PAGE.replace("{fingerprint}", self._fingerprint)
        return web.Response(text=text, content_type="text/html", headers=SECURITY_HEADERS)

    async def _certificate(self, _: web.Request) -> web.Response:
        return web.Response(body=self._der, content_type="application/x-x509-ca-cert", headers=SECURITY_HEADERS)

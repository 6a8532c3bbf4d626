"""Sends one body to one endpoint, and says what came of it.

Rules:

- certificates are verified, unless the subscription says otherwise; the environment's proxy is
  used, and no redirect is followed;
- an attempt has one deadline, however slowly the receiver answers;
- what goes wrong is told without the URL, which holds the receiver's token;
- any status of 2xx is a receipt; the answer's body is not read.
"""

import ssl
import time
from dataclasses import dataclass
from typing import Final, Protocol

import httpcore

from signer import __version__
from signer.embedded.dtr.webhooks import Endpoint
from signer.errors import SignerError
from signer.transport._httpx import httpx
from signer.transport.connection import BoundedTransport, deadline_at
from signer.transport.origin import Origin

ATTEMPT_SECONDS: Final = 10.0

_FAILURES: Final = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.TimeoutException,
    httpx.HTTPError,
    httpx.InvalidURL,
    OSError,  # ssl.SSLError, too
    SignerError,
    ValueError,
)


@dataclass(frozen=True)
class Outcome:
    """What came of an attempt: the answer's status (0: no answer), and why it failed."""

    status: int
    error: str

    @property
    def is_received(self) -> bool:
        """Whether the receiver has it."""
        return not self.error


class Send(Protocol):
    """Sends a body."""

    def __call__(self, endpoint: Endpoint, body: bytes) -> Outcome:
        """Send; never raises for what the receiver or the network does."""


def send(
    endpoint: Endpoint, body: bytes, *, transport: httpx.BaseTransport | None = None
) -> Outcome:
    """Send a JSON body by POST.

    Args:
        endpoint: where to.
        body: JSON.
        transport: answers in place of the network, for tests.
    """
    try:
        bounded = transport or BoundedTransport(_origin(endpoint), _context(endpoint))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"signer-embedded-dtr/{__version__}",
        }
        with (
            deadline_at(time.monotonic() + ATTEMPT_SECONDS),
            httpx.Client(transport=bounded, trust_env=False, timeout=ATTEMPT_SECONDS) as client,
            client.stream("POST", endpoint.url, content=body, headers=headers) as answer,
        ):
            status = answer.status_code
    except _FAILURES as error:
        return Outcome(0, _explained(error))
    return Outcome(status, "" if 200 <= status < 300 else f"the receiver answered {status}")


def _origin(endpoint: Endpoint) -> Origin:
    url = httpx.URL(endpoint.url)  # its netloc is without user and password, which httpx sends
    return Origin.of_host(url.netloc.decode("ascii"), scheme=url.scheme)


def _context(endpoint: Endpoint) -> ssl.SSLContext:
    if endpoint.skip_tls_verification:
        unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        unverified.check_hostname = False
        unverified.verify_mode = ssl.CERT_NONE
        return unverified
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_default_certs()
    if endpoint.tls_cert:
        context.load_verify_locations(cadata=endpoint.tls_cert)
    return context


def _explained(error: Exception) -> str:
    match error:
        case httpcore.TimeoutException() | httpx.TimeoutException():
            return "the receiver did not answer in time"
        case httpcore.ConnectError() if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return "the receiver's certificate is not trusted"
        case httpcore.ConnectError() | httpx.ConnectError():
            return "the receiver could not be reached"
        case _:
            return f"the exchange failed: {type(error).__name__}"

"""Sends one body to one endpoint, and says what came of it.

Rules:

- certificates are verified, unless the subscription says otherwise; proxies of the environment and
  redirects are not followed;
- what goes wrong is told without the URL, which holds the receiver's token;
- any status of 2xx is a receipt; the answer's body is not read.
"""

import ssl
from dataclasses import dataclass
from typing import Final, Protocol

from signer import __version__
from signer.embedded.dtr.webhooks import Endpoint
from signer.transport._httpx import httpx

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 10.0


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
        with httpx.Client(
            verify=_context(endpoint),
            transport=transport,
            trust_env=False,
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            headers={"User-Agent": f"signer-embedded-dtr/{__version__}"},
        ) as client:
            headers = {"Content-Type": "application/json"}
            with client.stream("POST", endpoint.url, content=body, headers=headers) as answer:
                status = answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError, ValueError) as error:
        return Outcome(0, _explained(error))
    return Outcome(status, "" if 200 <= status < 300 else f"the receiver answered {status}")


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
        case httpx.ConnectTimeout() | httpx.ReadTimeout() | httpx.WriteTimeout():
            return "the receiver did not answer in time"
        case httpx.ConnectError() if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return "the receiver's certificate is not trusted"
        case httpx.ConnectError():
            return "the receiver could not be reached"
        case _:
            return f"the exchange failed: {type(error).__name__}"

"""What can go wrong between here and a server, told apart.

The one place where exceptions of httpx, httpcore, ssl and socket become errors of this toolkit.
"""

import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import httpcore

from signer.errors import NetworkError, SignerError, UsageError
from signer.names import printable
from signer.transport._httpx import httpx
from signer.transport.origin import Origin

# OpenSSL's verification results (x509_vfy.h).
_NOT_YET_VALID: Final = 9
_EXPIRED: Final = 10
_WRONG_NAME: Final = (62, 64)

_GONE: Final = ("disconnected", "peer closed connection", "closed connection")
"""How httpcore and h11 word a connection that ended too early; they have no class for it."""


@contextmanager
def translated(url: str, *, searched: Sequence[object] = ()) -> Iterator[None]:
    """Turn foreign exceptions of a request to ``url`` into NetworkError with a stable code.

    ``searched`` are the directories where CA certificates for the host were looked for.
    """
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise _translate(error, url, searched) from error
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
        raise _translate(error, url, searched) from error
    except (httpcore.ProxyError, httpcore.UnsupportedProtocol, OSError) as error:
        raise _translate(error, url, searched) from error


def _translate(error: Exception, url: str, searched: Sequence[object]) -> SignerError:
    if isinstance(error, httpx.InvalidURL):
        return UsageError(f"Not a URL that can be asked: {printable(url)!r}.", code="bad-url")
    host = Origin.of(url).authority
    causes = tuple(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _unverified(cause, host, searched)
    for cause in causes:
        found = _no_connection(cause, host)
        if found is not None:
            return found
    return _broken(error, host)


def _no_connection(cause: BaseException, host: str) -> NetworkError | None:
    if isinstance(cause, (httpx.TimeoutException, httpcore.TimeoutException, TimeoutError)):
        return NetworkError(
            f"{host} did not answer completely in the time allowed.",
            hint="Try again, or allow more time with --timeout SECONDS.",
            code="timeout",
        )
    if isinstance(cause, ssl.SSLError):
        return NetworkError(
            f"No TLS connection with {host}: {_reason(cause)}.",
            hint="Does this port speak TLS (1.2 or later)? Does the server want a client "
            "certificate (X.cert and X.key in docker's tls directory)?",
            code="tls-failed",
        )
    if isinstance(cause, socket.gaierror):
        return NetworkError(
            f"The name of {host} cannot be resolved: {cause.strerror}.",
            hint="Is the host's name right? Is there a network?",
            code="dns",
        )
    if isinstance(cause, ConnectionRefusedError):
        return NetworkError(
            f"{host} refuses connections.",
            hint="Is the server running, and the port right?",
            code="connection-refused",
        )
    return None


def _unverified(
    error: ssl.SSLCertVerificationError, host: str, searched: Sequence[object]
) -> NetworkError:
    if error.verify_code in (_EXPIRED, _NOT_YET_VALID):
        hint = "The server's certificate must be renewed; if it is valid, this clock is wrong."
    elif error.verify_code in _WRONG_NAME:
        hint = "Use the name or address that the server's certificate is for."
    else:
        places = ", ".join(str(place) for place in searched)
        looked = f" (looked in {places})" if places else ""
        hint = (
            "If the server's CA is a private one, add it with --ca FILE, or fetch it with "
            f"'signer ca {host}'{looked}."
        )
    return NetworkError(
        f"The TLS certificate of {host} cannot be verified: {printable(error.verify_message)}.",
        hint=hint,
        code="tls-unverified",
    )


def _broken(error: Exception, host: str) -> NetworkError:
    if isinstance(error, (httpx.ProxyError, httpcore.ProxyError)):
        return NetworkError(
            f"The proxy did not connect to {host}: {printable(str(error))}.",
            hint="Check HTTPS_PROXY and NO_PROXY.",
            code="proxy",
        )
    if isinstance(error, (httpx.ConnectError, httpcore.ConnectError)):
        return NetworkError(
            f"No connection with {host}: {printable(str(error))}.",
            hint="Is the host reachable from here?",
            code="connection-failed",
        )
    if isinstance(error, (httpx.NetworkError, httpcore.NetworkError, OSError)) or any(
        words in str(error) for words in _GONE
    ):
        return NetworkError(
            f"{host} closed the connection before its answer was complete.",
            hint="Try again; if it persists, the server's log tells why.",
            code="connection-lost",
        )
    return NetworkError(
        f"{host} does not speak HTTP as it should: {printable(str(error))}.",
        hint="Is this the right port?",
        code="bad-http",
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _reason(error: ssl.SSLError) -> str:
    return printable((error.reason or "the handshake failed").replace("_", " ").lower())

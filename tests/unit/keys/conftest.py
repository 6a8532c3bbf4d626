"""Certificates for the key tests, made by openssl."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.keys.material import openssl


@pytest.fixture
def certificate_of(tmp_path: Path) -> Callable[[bytes], bytes]:
    """Return a function that makes a self-signed certificate over a private key."""

    def make(private_pem: bytes, *options: str) -> bytes:
        path = tmp_path / "certified-key.pem"
        path.write_bytes(private_pem)
        subject = ("-subj", "/CN=gitlab") if "-subj" not in options else ()
        days = ("-days", "400") if "-days" not in options else ()
        return openssl("req", "-x509", "-new", "-key", str(path), *subject, *days, *options)

    return make

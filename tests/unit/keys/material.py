"""Keys and files for the tests: made by openssl, or by the Go programs (``tests/vectors/keys``)."""

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests.components.fixtures import installed
from tests.components.service import find_program

VECTORS: Final = Path(__file__).parents[2] / "vectors" / "keys"
PASSPHRASE: Final = b"example-passphrase"
OTHER_PASSPHRASE: Final = b"another-example"


def vectors() -> list[dict[str, Any]]:
    """Return the description of the files that notary wrote."""
    described: list[dict[str, Any]] = json.loads((VECTORS / "keys.json").read_text())
    return described


def openssl(*arguments: str, data: bytes = b"") -> bytes:
    """Run openssl and return its standard output."""
    program = installed(lambda: find_program("openssl", "openssl"))
    done = subprocess.run(
        [str(program), *arguments], input=data, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def rsa_pem(bits: int = 2048) -> bytes:
    """Return a PKCS#1 key in PEM form, the same one in the whole run."""
    return _once("genrsa", "-traditional", str(bits))


def ec_pem(curve: str = "prime256v1") -> bytes:
    """Return a SEC1 key in PEM form, after its EC PARAMETERS block; always the same one."""
    return _once("ecparam", "-name", curve, "-genkey")


def pkcs8_pem(algorithm: str) -> bytes:
    """Return a PKCS#8 key in PEM form of an algorithm that openssl names; always the same one."""
    return _once("genpkey", "-algorithm", algorithm)


def public_der(private_pem: bytes) -> bytes:
    """Return the DER SubjectPublicKeyInfo of a private key, as openssl computes it."""
    return openssl("pkey", "-pubout", "-outform", "DER", data=private_pem)


@cache
def _once(*arguments: str) -> bytes:
    return openssl(*arguments)
